"""Whether a disk takes what is to be written: asked before hours of work, told when it does not."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from edgeboot.errors import BadInput, StepFailed

_MIB = 1 << 20


def check_target(path: Path) -> None:
    """BadInput where no file can be written at ``path``."""
    parent = path.parent
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a directory", hint="name a file in it")
    if not parent.is_dir():
        raise BadInput(f"cannot write {path}: there is no directory {parent}", hint="make it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        hint = "choose another directory, or make that one writable for this user"
        raise BadInput(f"cannot write {path}: {parent} is not writable", hint=hint)


def check(path: Path, size: int) -> None:
    """StepFailed where the disk that ``path`` is to be on has no room for ``size`` bytes."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise failed(path, error) from error
    if free < size:
        raise StepFailed(
            f"cannot write {path}: it takes {size / _MIB:.1f} MiB, {free / _MIB:.1f} MiB are free",
            hint="free some space, or write it to another disk",
            error_id="local-disk",
        )


def failed(path: Path, error: OSError) -> StepFailed:
    """The error to raise where a file cannot be written."""
    what = f"cannot write {path}: {error.strerror or error}"
    return StepFailed(what, hint=hint(error, "write it elsewhere"), error_id="local-disk")


def hint(error: OSError, elsewhere: str) -> str:
    """What to do about a disk that does not take bytes; ``elsewhere`` says how to use another."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"free some space, or {elsewhere}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"make it writable for this user, or {elsewhere}"
        case _:
            return f"mend that, or {elsewhere}"
