"""``put.sh``: an upload that another run left open is continued, and not taken away by its end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.shell.snippets import Host

BLOCK = 1 << 16
WHOLE = os.urandom(4 * BLOCK)
SHA256 = hashlib.sha256(WHOLE).hexdigest()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files get an owner")


@pytest.fixture
def dest(host: Host) -> Path:
    return host.root / "k3s"


def stage_of(dest: Path) -> Path:
    return dest.parent / f".edgeboot-{dest.name}.{SHA256}.part"


def put(host: Host, dest: Path, offset: int) -> subprocess.Popen[bytes]:
    words = (str(dest), "0755", SHA256, str(len(WHOLE)), str(offset))
    argv = [*host.words, "-c", host.text("put"), "put", *words]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def frozen(host: Host, dest: Path) -> subprocess.Popen[bytes]:
    """A run whose operator stopped sending half-way."""
    process = put(host, dest, 0)
    assert process.stdin is not None
    process.stdin.write(WHOLE[: 2 * BLOCK])
    process.stdin.flush()
    while not stage_of(dest).exists() or stage_of(dest).stat().st_size < 2 * BLOCK:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_the_rest_is_added_while_a_frozen_run_still_holds_the_stage(host: Host, dest: Path) -> None:
    with frozen(host, dest) as former:
        resumed = put(host, dest, BLOCK)
        _, said = resumed.communicate(WHOLE[BLOCK:], timeout=60)
        assert resumed.returncode == 0, said
        assert former.wait(60) != 0
    assert dest.read_bytes() == WHOLE
    assert not stage_of(dest).exists()


def test_a_writer_that_is_ended_leaves_the_stage_to_the_run_that_ended_it(
    host: Host, dest: Path
) -> None:
    """That run finds processes by number, so it may end the writer before the shell around it."""
    with frozen(host, dest) as former:
        (writer,) = Path(f"/proc/{former.pid}/task/{former.pid}/children").read_text().split()
        os.kill(int(writer), signal.SIGKILL)
        assert former.wait(60) == 74
    assert stage_of(dest).read_bytes() == WHOLE[: 2 * BLOCK]


def test_without_disk_space_no_stage_is_kept(host: Host, dest: Path) -> None:
    host.program("cat", "echo 'no space left on device' >&2; exit 1")
    done = put(host, dest, 0)
    done.communicate(WHOLE, timeout=60)
    assert done.returncode == 73
    assert not stage_of(dest).exists()
