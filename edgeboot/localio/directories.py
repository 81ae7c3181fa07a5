"""Where the controller's own files are: the XDG directories, or this system's equivalents."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from edgeboot.errors import BadInput
from edgeboot.localio import disk_space


def state() -> Path:
    """Kubeconfigs, logs, accepted host keys, labs: ``$XDG_STATE_HOME/edgeboot``."""
    return _found(platformdirs.user_state_path, "XDG_STATE_HOME")


def cache() -> Path:
    """What can be fetched or built again: ``$XDG_CACHE_HOME/edgeboot``."""
    return _found(platformdirs.user_cache_path, "XDG_CACHE_HOME")


def expanded(path: str | Path) -> Path:
    """``~`` and ``~user`` replaced; unlike ``Path.expanduser``, an unknown user is left as written.

    So it is reported as a file that does not exist, where it is opened.
    """
    return Path(os.path.expanduser(path))


def made(path: Path, *, mode: int = 0o700) -> Path:
    """``path``, created with its parents if missing; ``StepFailed`` if that fails."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_space.failed(path, error) from error
    return path


def _found(find: Callable[[str], Path], variable: str) -> Path:
    try:
        return find("edgeboot")
    except RuntimeError as error:  # no HOME, and no entry in /etc/passwd
        raise BadInput(
            "cannot find your home directory", hint=f"set HOME, or {variable}"
        ) from error
