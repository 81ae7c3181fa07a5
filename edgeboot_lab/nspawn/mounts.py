"""Hosts' file systems in the mount table, and how they are unmounted.

A host's overlay is mounted under the host's own name as its source, so that it can be found by that
name wherever it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeboot_lab.run import run

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of the mount table."""

    source: str
    point: Path


def parse(table: str) -> tuple[Mount, ...]:
    """The text of /proc/self/mounts, escapes resolved, last mounted first."""
    rows = [line.split(" ") for line in table.splitlines() if line.count(" ") > 1]
    return tuple(Mount(_plain(row[0]), Path(_plain(row[1]))) for row in reversed(rows))


def below(directory: Path) -> tuple[Mount, ...]:
    """What is mounted at or below ``directory``."""
    return tuple(mount for mount in _table() if mount.point.is_relative_to(directory))


def named(prefix: str) -> tuple[Mount, ...]:
    """What is mounted from a source that begins with ``prefix``."""
    return tuple(mount for mount in _table() if mount.source.startswith(prefix))


def unmount(mounts: Iterable[Mount]) -> None:
    """Unmount each, even where something still uses it."""
    for mount in mounts:
        if run(("umount", str(mount.point)), check=False).returncode != 0:
            run(("umount", "--lazy", str(mount.point)))


def _table() -> tuple[Mount, ...]:
    return parse(Path("/proc/self/mounts").read_text())


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda hit: chr(int(hit[1], 8)), field)
