"""Writes a file completely or not at all. Every file of the controller is written this way.

The bytes go into a new file in the destination's directory, are flushed to disk, and take the
destination's name in one step. An existing file is replaced. So is a symbolic link; its target is
not touched. A failed or interrupted write leaves nothing behind; only SIGKILL or a power cut leaves
a file named ``.edgeboot-….part``.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from edgeboot.errors import BadInput
from edgeboot.localio import disk_space

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFER = 1 << 20
_PREFIX, _SUFFIX = ".edgeboot-", ".part"
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


class _Part(io.FileIO):
    """Names the destination in the error of a failed write; other errors pass unchanged."""

    def __init__(self, part: Path, mode: int, destination: Path) -> None:
        self.destination = destination
        super().__init__(str(part), "w", opener=lambda name, _flags: os.open(name, _FLAGS, mode))

    def write(self, data: Any, /) -> int:
        """Writes what the disk takes of ``data`` at once."""
        try:
            return super().write(data)
        except OSError as error:
            raise disk_space.failed(self.destination, error) from error


class Staged:
    """A new file that has no name yet; write to ``file``, then ``publish`` it."""

    def __init__(self, file: BinaryIO, part: Path) -> None:
        self.file = file
        self._part = part

    def publish(self, path: Path, *, overwrite: bool = True) -> None:
        """Flushes the file to disk and gives it its name, in the directory it was staged in.

        ``BadInput`` if ``path`` exists and ``overwrite`` is not set, or if it is not a regular
        file: a directory, a device, a pipe.
        """
        _check_replaceable(path)
        self.file.flush()
        try:
            os.fsync(self.file.fileno())
            move(self._part, path) if overwrite else _link(self._part, path)
        except OSError as error:
            raise disk_space.failed(path, error) from error


@contextmanager
def staged(directory: Path, what: Path | None = None, *, mode: int = 0o666) -> Iterator[Staged]:
    """A new file in ``directory``, removed at the end unless it was published.

    For names that depend on the content; else use ``writing``. ``what`` is the path that errors
    name, by default the directory. ``mode`` holds from the start, less the process's umask.
    """
    part = directory / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    destination = what or directory
    try:
        raw = _Part(part, mode, destination)
    except OSError as error:
        raise disk_space.failed(destination, error) from error
    try:
        with io.BufferedWriter(raw, _BUFFER) as file:
            yield Staged(cast(BinaryIO, file), part)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, *, mode: int = 0o666, overwrite: bool = True) -> Iterator[BinaryIO]:
    """A stream whose bytes are at ``path`` once the block ends without an error.

    ``StepFailed`` (id ``local-disk``) if the write fails: disk full, read-only, no permission, no
    such directory. ``BadInput`` as for ``Staged.publish``.
    """
    _check_replaceable(path)
    with staged(path.parent, path, mode=mode) as stage:
        yield stage.file
        stage.publish(path, overwrite=overwrite)


def is_part(path: Path) -> bool:
    """Whether this is an unfinished file of a killed process."""
    return path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIX)


def move(part: Path, path: Path) -> None:
    """Renames a file that was flushed to disk, and flushes the directory; raises ``OSError``."""
    part.replace(path)
    _sync_directory(path.parent)


def write(path: Path, data: bytes | str, *, mode: int = 0o666, overwrite: bool = True) -> None:
    """Writes all of ``data``, text as UTF-8; see ``writing``."""
    with writing(path, mode=mode, overwrite=overwrite) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def _check_replaceable(path: Path) -> None:
    """Keeps a rename from replacing /dev/stdout, and explains why a directory is refused."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return  # nothing there, or a link to nothing
    if stat.S_ISDIR(kind):
        raise BadInput(f"cannot write {path}: it is a directory", hint="name a file in it")
    if not stat.S_ISREG(kind):
        raise BadInput(f"cannot write {path}: it is not a regular file", hint="name a file")


def _link(part: Path, path: Path) -> None:
    """Unlike a rename, a link fails if another process created the file first."""
    try:
        os.link(part, path)
        _sync_directory(path.parent)
    except FileExistsError:
        raise BadInput(
            f"{path} already exists", hint="choose another name, or remove that file"
        ) from None


def _sync_directory(directory: Path) -> None:
    """Makes the new name survive a power cut, if the file system supports that."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
