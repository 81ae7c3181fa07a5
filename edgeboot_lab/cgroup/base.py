"""A host's control groups: what they must be able to do, and what both versions share."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgeboot_lab.errors import LabFailed

ROOT = Path("/sys/fs/cgroup")
_KILL_SECONDS = 20.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Launch:
    """A host to be started: its group's ``name``, memory ceiling, command and console file.

    ``lock`` is the descriptor of the lab's lock; the starting process holds it until
    the command is inside the group, where ``down`` finds it.
    """

    name: str
    memory_bytes: int | None
    argv: Sequence[str]
    env: Mapping[str, str]
    console: Path
    lock: int


class Cgroups(Protocol):
    """The groups of lab hosts on this machine, each called by its host's ``names.host()``."""

    @property
    def version(self) -> int:
        """1 or 2: what the hosts see."""

    @property
    def untested(self) -> str | None:
        """Why this kind of machine is untested; None if the project's CI runs on it."""

    def find(self, prefix: str) -> tuple[str, ...]:
        """The names, beginning with ``prefix``, of every group there is."""

    def start(self, launch: Launch) -> None:
        """Make the group with its ceiling and start the command in it, detached."""

    def pids(self, name: str) -> tuple[int, ...]:
        """Every process in the group and below; none if there is no group."""

    def freeze(self, name: str) -> None:
        """Freeze every process of the group."""

    def thaw(self, name: str) -> None:
        """Let the processes continue."""

    def frozen(self, name: str) -> bool:
        """Whether the group has been frozen."""

    def remove(self, name: str) -> None:
        """Remove the (empty) group and everything below it."""


def kill_all(cgroups: Cgroups, name: str) -> None:
    """SIGKILL everything in the group, as a power cut would; LabFailed where something survives.

    Frozen first, so that nothing forks away while the list is read; a frozen process dies on
    thawing.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while cgroups.pids(name):
        if time.monotonic() >= deadline:
            left = ", ".join(str(pid) for pid in cgroups.pids(name))
            raise LabFailed(f"processes of {name} do not die: {left}")
        cgroups.freeze(name)
        for pid in cgroups.pids(name):
            send_kill(pid)
        cgroups.thaw(name)
        time.sleep(_POLL_SECONDS)


def send_kill(pid: int) -> None:
    """SIGKILL one process, which may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def entrances(cgroup_file: str, root: Path = ROOT) -> tuple[Path, ...]:
    """The files a process writes 0 to in order to join the groups of another process.

    ``cgroup_file`` is the text of that one's /proc/PID/cgroup: ``4:memory:/path``,
    ``9:name=systemd:/path``, ``0::/path`` (v2, or the unified hierarchy beside v1).
    """
    found: list[Path] = []
    for line in cgroup_file.splitlines():
        _, controllers, path = line.split(":", 2)
        top = root / (controllers.removeprefix("name=") or "unified")
        if not controllers and (root / "cgroup.controllers").exists():
            top = root
        if top.is_dir():
            found.append(top / path.lstrip("/") / "cgroup.procs")
    return tuple(found)


def read_pids(group: Path) -> Iterator[int]:
    """The processes in ``group`` and the groups below it."""
    for directory in groups_below(group):
        try:
            text = (directory / "cgroup.procs").read_text()
        except OSError:  # just removed, or a threaded group: its processes are listed above it
            continue
        yield from (pid for pid in map(int, text.split()) if pid > 0)


def groups_below(group: Path) -> tuple[Path, ...]:
    """``group`` and every group below, deepest first."""
    return tuple(Path(directory) for directory, _, _ in os.walk(group, topdown=False))


def remove_groups(group: Path) -> None:
    """Remove ``group`` and everything below; waits a little for dying processes to leave."""
    deadline = time.monotonic() + _KILL_SECONDS
    while group.is_dir():
        for directory in groups_below(group):
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise LabFailed(
                        f"control group cannot be removed: {error.strerror}", where=str(directory)
                    ) from error
                time.sleep(_POLL_SECONDS)
                break
