"""Runs of this user on this controller, so that a later one knows that an earlier one is dead.

A host that lost its controller to a broken link keeps its lock for up to a minute. The next run may
take it at once if the holder is a run of the same user here that has ended.
"""

from __future__ import annotations

import fcntl
import re
import secrets
import time
from pathlib import Path
from typing import IO

from edgeboot.localio import directories

_NAME = re.compile(r"[0-9a-f]{16}")
_KEPT = 86400.0  # seconds; a host's lock does not outlive its run by more than a minute


class Runs:
    """A directory with one file for each run, which its process keeps locked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: list[IO[bytes]] = []  # locked as long as this process lives

    def begin(self) -> str:
        """A random name for a new run; not recorded where the directory cannot be written."""
        run = secrets.token_hex(8)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget_old()
            file = (self._directory / run).open("xb")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open.append(file)
        except OSError:
            pass
        return run

    def is_dead(self, run: str, /) -> bool:
        """Whether it was a run from here, and its process has ended; a host may say anything."""
        if not _NAME.fullmatch(run):
            return False
        try:
            with (self._directory / run).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _forget_old(self) -> None:
        for path in self._directory.iterdir():
            if path.stat().st_mtime < time.time() - _KEPT and self.is_dead(path.name):
                path.unlink()


def recorded() -> Runs:
    """The runs of this user."""
    return Runs(directories.state() / "runs")
