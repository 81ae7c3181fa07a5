"""Hosts' control groups on a machine with cgroup v1: one child in every hierarchy.

``launch_v1.sh`` enters them and gives the host a view of which they are the roots.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeboot_lab.cgroup.base import ROOT, Launch, read_pids, remove_groups
from edgeboot_lab.errors import LabFailed

LAUNCHER = Path(__file__).with_name("launch_v1.sh")
_LAUNCH_SECONDS = 15.0
_TYPES = ("cgroup", "cgroup2")


def hierarchies(mounts: str, root: Path = ROOT) -> tuple[Path, ...]:
    """The control group file systems right below ``root``; ``mounts`` is /proc/self/mounts."""
    rows = [line.split() for line in mounts.splitlines()]
    points = [Path(row[1]) for row in rows if len(row) > 2 and row[2] in _TYPES]
    return tuple(dict.fromkeys(point for point in points if point.parent == root))


@dataclass(frozen=True)
class CgroupsV1:
    """See :class:`edgeboot_lab.cgroup.base.Cgroups`."""

    systemd_machine: bool = False
    version: int = 1

    @property
    def untested(self) -> str | None:
        """The project's CI machines have no systemd as PID 1."""
        if self.systemd_machine:
            return "cgroup v1 under systemd: this path has not been exercised by the project's CI"
        return None

    def find(self, prefix: str) -> tuple[str, ...]:
        """By name, in every hierarchy: a killed ``up`` may have made only some."""
        return tuple(
            sorted({path.name for top in _hierarchies() for path in top.glob(f"{prefix}*")})
        )

    def start(self, launch: Launch) -> None:
        """Make the groups, start the launcher detached, and wait until it is in them."""
        for top in _hierarchies():
            _make_group(top, launch.name, launch.memory_bytes)
        argv = ("setsid", "--fork", "sh", str(LAUNCHER), "enter", launch.name, *launch.argv)
        try:
            started = _detach(argv, launch)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabFailed(f"the launcher did not start: {error}", where=launch.name) from error
        if started.returncode != 0:
            raise LabFailed(f"the launcher exited {started.returncode}", where=str(launch.console))

    def pids(self, name: str) -> tuple[int, ...]:
        """From every hierarchy: a launcher killed half-way is only in the first few."""
        return tuple(dict.fromkeys(pid for top in _hierarchies() for pid in read_pids(top / name)))

    def freeze(self, name: str) -> None:
        """By the freezer controller."""
        _write_if_there(_freezer(name), "FROZEN")

    def thaw(self, name: str) -> None:
        """By the freezer controller."""
        _write_if_there(_freezer(name), "THAWED")

    def frozen(self, name: str) -> bool:
        """FREEZING counts: a process in an uninterruptible wait freezes when it comes out."""
        try:
            return _freezer(name).read_text().strip() != "THAWED"
        except OSError:
            return False

    def remove(self, name: str) -> None:
        """In every hierarchy."""
        for top in _hierarchies():
            remove_groups(top / name)


def _detach(argv: Sequence[str], launch: Launch) -> subprocess.CompletedProcess[bytes]:
    """Start ``argv`` and return once it has closed its standard input and output.

    Until it has entered the groups, the launcher has the lock as its input (so nobody tears down a
    lab it is about to join, were this process killed) and a pipe as its output (so that this
    process waits for it).
    """
    with launch.console.open("ab") as console:
        return subprocess.run(
            argv,
            stdin=launch.lock,
            stdout=subprocess.PIPE,
            stderr=console,
            env={"PATH": os.environ.get("PATH", os.defpath), **launch.env},
            cwd="/",
            timeout=_LAUNCH_SECONDS,
            check=False,
        )


def _hierarchies() -> tuple[Path, ...]:
    return hierarchies(Path("/proc/self/mounts").read_text())


def _freezer(name: str) -> Path:
    return ROOT / "freezer" / name / "freezer.state"


def _write_if_there(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except FileNotFoundError:
        return


def _make_group(top: Path, name: str, memory_bytes: int | None) -> None:
    group = top / name
    group.mkdir(exist_ok=True)
    for knob in ("cpuset.cpus", "cpuset.mems"):
        # An empty cpuset admits no process.
        if (group / knob).exists():
            (group / knob).write_text((top / knob).read_text())
    if memory_bytes is None:
        return
    # memsw counts memory plus swap and may not be below the first, so it comes second.
    for knob in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        if (group / knob).exists():
            (group / knob).write_text(str(memory_bytes))
