"""Row 13: the power goes around the rename of an upload, seen in copies of the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot import shell

IMAGES = 60  # of the disk, at moments spread over an upload and its end
SIZE = 300_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The backing file of an ext4 that is mounted at ``disk.mnt`` beside it."""
    image, mount = tmp_path / "disk", tmp_path / "disk.mnt"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(12 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        yield image
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def put(mount: Path, data: bytes) -> subprocess.Popen[bytes]:
    """A running put.sh whose own records are on that disk too; it has read half of its input."""
    (mount / "ours").mkdir(exist_ok=True)
    private = 'mount --bind "$1/ours" /var/lib/edgeboot; shift; exec sh -c "$@"'
    digest = hashlib.sha256(data).hexdigest()
    words = (shell.text("put"), "put", str(mount / "k3s"), "755", digest, str(len(data)), "0")
    Path("/var/lib/edgeboot").mkdir(exist_ok=True)
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", private, "sh", str(mount), *words],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(data[: len(data) // 2])
    process.stdin.flush()
    return process


def copy_of(disk: Path, to: Path, process: subprocess.Popen[bytes]) -> None:
    """What a power cut at this moment would leave."""
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        shutil.copyfile(disk, to)
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def found_on(image: Path) -> str:
    """The hash of the file on a copy of the disk, once its journal is replayed."""
    mount = image.with_suffix(".look")
    mount.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        return hashlib.sha256((mount / "k3s").read_bytes()).hexdigest()
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.timeout(120)
def test_13_after_a_power_cut_a_file_is_old_or_new(disk: Path) -> None:
    mount = disk.with_suffix(".mnt")
    old = os.urandom(SIZE)
    (mount / "k3s").write_bytes(old)
    os.sync()
    ends: set[str] = set()
    taken = 0
    while taken < IMAGES:
        new = os.urandom(SIZE)
        process = put(mount, new)
        assert process.stdin is not None
        copies = [disk.with_name(f"cut{taken}")]
        copy_of(disk, copies[0], process)
        process.stdin.write(new[SIZE // 2 :])
        process.stdin.close()
        while process.poll() is None:
            copies.append(disk.with_name(f"cut{taken + len(copies)}"))
            try:
                copy_of(disk, copies[-1], process)
            except ProcessLookupError:
                copies.pop()
            time.sleep(0.002)
        assert process.returncode == 0
        hashes = {
            hashlib.sha256(data).hexdigest(): name for data, name in ((old, "old"), (new, "new"))
        }
        for image in copies:
            if not image.exists():
                continue
            found = found_on(image)
            assert found in hashes, f"{image.name} holds neither the old nor the new file"
            ends.add(hashes[found])
            taken += 1
            image.unlink()
        old = new
    assert ends == {"old", "new"}
