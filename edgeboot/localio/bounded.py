"""Files that a user names: opened without waiting, and read whole but only up to a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from edgeboot.errors import BadInput, Refused

# Where a shell puts a pipe that it names for a program: `<(…)`, or the end of one.
_PIPES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def opened(path: Path) -> BinaryIO:
    """A regular file, the null device, or the shell's own pipe, to read from; raises OSError.

    Opening any other pipe waits for a writer that may never come, and reading a device for an end.
    """
    return os.fdopen(descriptor(path, pipes=str(path).startswith(_PIPES)), "rb")


def descriptor(path: Path, *, pipes: bool = False) -> int:
    """The descriptor of a regular file, which can be read at any position; raises OSError."""
    found = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check(path, os.fstat(found), pipes)
        os.set_blocking(found, True)
    except BaseException:
        os.close(found)
        raise
    return found


def check(path: Path) -> None:
    """OSError if ``path`` is nothing that ``descriptor`` opens; for libraries that take a path."""
    os.close(descriptor(path))


def _check(path: Path, status: os.stat_result, pipes: bool) -> None:
    mode = status.st_mode
    if stat.S_ISREG(mode) or (pipes and stat.S_ISFIFO(mode)):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not (stat.S_ISCHR(mode) and status.st_rdev == os.stat(os.devnull).st_rdev):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file; BadInput if it cannot be read, Refused if it exceeds ``limit`` bytes."""
    try:
        with opened(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise Refused(f"{path} is longer than {limit} bytes, too long for such a file")
    return data
