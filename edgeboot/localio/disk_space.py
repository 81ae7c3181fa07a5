"""Checks for space and permission before long work, and errors for writes that fail anyway."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
from pathlib import Path

from edgeboot.errors import BadInput, StepFailed

_MIB = 1 << 20


def check_target(path: Path) -> None:
    """``BadInput`` if no file can be written at ``path``."""
    parent = path.parent
    if os.path.isdir(path):  # unlike Path.is_dir, never raises
        raise BadInput(f"cannot write {path}: it is a directory", hint="name a file in it")
    if not os.path.isdir(parent):
        hint = f"mkdir -p {shlex.quote(str(parent))}"
        raise BadInput(f"cannot write {path}: no such directory: {parent}", hint=hint)
    if not os.access(parent, os.W_OK | os.X_OK):
        hint = "make that directory writable for this user, or choose another"
        raise BadInput(f"cannot write {path}: {parent} is not writable", hint=hint)


def check(path: Path, size: int) -> None:
    """``StepFailed`` if the disk of ``path`` has less than ``size`` bytes free."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise failed(path, error) from error
    if free < size:
        raise StepFailed(
            f"cannot write {path}: it needs {size / _MIB:.1f} MiB, {free / _MIB:.1f} MiB are free",
            hint="free some space, or write it to another disk",
            error_id="local-disk",
        )


def failed(path: Path, error: OSError) -> StepFailed:
    """The error to raise if a file cannot be written."""
    what = f"cannot write {path}: {error.strerror or error}"
    return StepFailed(what, hint=hint(error, "write it elsewhere"), error_id="local-disk")


def unforeseen(error: OSError) -> StepFailed | None:
    """The error to show for one that no other code handled; None if it is a bug.

    It is the controller's disk if the system names a file, or if a stream such as standard output
    reports a full disk.
    """
    if error.filename is not None:
        what = f"cannot use {error.filename}: {error.strerror}"
    elif error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        what = f"cannot write the output: {error.strerror}"
    else:
        return None
    return StepFailed(what, hint=hint(error, "use another path"), error_id="local-disk")


def hint(error: OSError, elsewhere: str) -> str:
    """What to do about a failed write; ``elsewhere`` says how to write to another disk."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"free some space, or {elsewhere}"
        case errno.EACCES | errno.EPERM:
            return f"make it writable for this user, or {elsewhere}"
        case errno.EROFS:
            return f"remount the file system read-write, or {elsewhere}"
        case errno.ENOENT:
            return f"create its directory, or {elsewhere}"
        case errno.ENOTDIR | errno.EEXIST:
            return f"remove the file that is in the way of its directory, or {elsewhere}"
        case _:
            return f"fix that, or {elsewhere}"
