"""Files are written whole or not at all, on the real file system."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, EdgebootError, StepFailed
from edgeboot.localio import atomic


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """The kernel refuses to make a file longer than ``size``: it holds for root, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_bytes_text_and_streams_arrive(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    atomic.write(path, "grün\n")
    assert path.read_bytes() == "grün\n".encode()
    with atomic.writing(path) as file:
        file.writelines(bytes([n]) * (1 << 16) for n in range(40))
        assert path.read_bytes() == "grün\n".encode(), "not before it is whole"
    assert path.stat().st_size == 40 << 16
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_mode_holds_from_the_start(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        with atomic.writing(tmp_path / "secret", mode=0o600) as file:
            (part,) = tmp_path.iterdir()
            assert mode_of(part) == 0o600
            file.write(b"x")
        (tmp_path / "secret").chmod(0o644)
        atomic.write(tmp_path / "secret", b"y", mode=0o600)
        assert mode_of(tmp_path / "secret") == 0o600, "what stood there has no say"
        atomic.write(tmp_path / "report", b"y")
        assert mode_of(tmp_path / "report") == 0o644
    finally:
        os.umask(umask)


def test_a_link_is_replaced_and_what_it_points_to_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    for name, target in (("link", "theirs"), ("dangling", "nowhere")):
        (tmp_path / name).symlink_to(target)
        atomic.write(tmp_path / name, b"ours")
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_bytes() == b"ours"
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "nowhere").exists()


def test_a_planted_part_is_never_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one whose random name was guessed."""
    monkeypatch.setattr("secrets.token_hex", lambda _count: "guessed")
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / ".edgeboot-guessed.part").symlink_to("theirs")
    with pytest.raises(StepFailed, match="File exists"):
        atomic.write(tmp_path / "file", b"ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "file").exists()


def test_without_overwrite_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write(path, b"first", overwrite=False)
    with pytest.raises(BadInput, match="already exists"):
        atomic.write(path, b"second", overwrite=False)
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(BadInput, match="already exists"):
        atomic.write(path, b"third", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("ended", [ValueError, KeyboardInterrupt, OSError])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, ended: type[BaseException]) -> None:
    """Its own error comes out as it is: a source that cannot be read is not a full disk."""
    path = tmp_path / "file"
    path.write_text("before")

    def half() -> Iterator[bytes]:
        yield b"half"
        raise ended("the block's own")

    with pytest.raises(ended, match="the block's own"), atomic.writing(path) as file:
        file.writelines(half())
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with disk_full_after(1 << 16), pytest.raises(StepFailed) as caught:
        atomic.write(path, b"x" * (1 << 21))
    assert str(path) in caught.value.what
    assert caught.value.error_id == "local-disk"
    assert caught.value.hint
    with disk_full_after(1 << 10), pytest.raises(StepFailed):
        atomic.write(path, b"x" * (1 << 11))  # less than a buffer: found out when it is flushed
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_places_that_take_no_file(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    places: dict[Path, tuple[type[EdgebootError], str, str]] = {
        tmp_path / "gone" / "x": (StepFailed, "No such file", "create its directory"),
        tmp_path / "a-file" / "x": (StepFailed, "Not a directory", "in the way"),
        Path("/proc/x"): (StepFailed, "/proc/x", "write it elsewhere"),
        tmp_path: (BadInput, "it is a directory", "name a file in it"),
        tmp_path / "pipe": (BadInput, "not a regular file", "name a file"),
        tmp_path / "null": (BadInput, "not a regular file", "name a file"),
    }
    for path, (kind, what, hint) in places.items():
        with pytest.raises(kind, match=what) as caught:
            atomic.write(path, b"x")
        assert str(path) in caught.value.what
        assert hint in (caught.value.hint or "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-file", "null", "pipe"]


def test_a_name_that_is_known_late(tmp_path: Path) -> None:
    with atomic.staged(tmp_path, mode=0o600) as stage:
        stage.file.write(b"x")
        stage.publish(tmp_path / "its-hash")
    assert (tmp_path / "its-hash").read_bytes() == b"x"
    with atomic.staged(tmp_path) as stage:
        stage.file.write(b"never published")
    assert [p.name for p in tmp_path.iterdir()] == ["its-hash"]
    with pytest.raises(StepFailed, match="gone"), atomic.staged(tmp_path / "gone"):
        pass


_KILLED = """
import os, signal, sys
from pathlib import Path
from edgeboot.localio import atomic
with atomic.writing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    done = subprocess.run([sys.executable, "-c", _KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    (part,) = (p for p in tmp_path.iterdir() if p != path)
    assert part.name.startswith(".edgeboot-")
    assert part.name.endswith(".part")
