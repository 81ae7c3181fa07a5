"""One process at a time: file locks that the kernel releases when their holders are gone."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeboot_lab.errors import LabRefused

LOCK_DIR = Path("/run/lock/edgeboot-lab")
_POLL_SECONDS = 0.1


@contextmanager
def held(
    name: str,
    *,
    wait: float,
    waiting: Callable[[str], None] | None = None,
    directory: Path = LOCK_DIR,
) -> Iterator[int]:
    """Hold the lock ``name`` and yield its descriptor; LabRefused after ``wait`` seconds.

    Inheritable on purpose: the commands run under the lock hold it too, so that it is free only
    when a killed holder's last command has ended. Whatever is to outlive the lock closes the
    descriptor.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(
        directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    try:
        _acquire(descriptor, name, wait, waiting)
        os.set_inheritable(descriptor, True)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(
    descriptor: int, name: str, wait: float, waiting: Callable[[str], None] | None
) -> None:
    deadline = time.monotonic() + wait
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LabRefused(
                    f"another process is still working on {name}",
                    hint="wait for it to end, or stop it, then rerun the command",
                ) from None
            if waiting and not told:
                waiting(f"waiting for another process that works on {name}")
                told = True
            time.sleep(_POLL_SECONDS)
        else:
            return
