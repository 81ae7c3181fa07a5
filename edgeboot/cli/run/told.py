"""Warnings that an earlier run has told: kept by cluster in the state directory, told once.

A warning that is gone is forgotten, so that it is told again if it comes back. Where nothing can be
kept, every run tells all of them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from edgeboot.errors import EdgebootError
from edgeboot.inventory.model import Cluster
from edgeboot.localio import atomic, bounded, directories
from edgeboot.plan.plan import Plan
from edgeboot.report.warnings import Told, warnings_of

_LARGEST = 1 << 20


def known_warnings(cluster: Cluster, plan: Plan) -> frozenset[Told]:
    """The warnings told by earlier runs; those of ``plan`` count as told from now on."""
    now = {Told(node, one.id) for node, one in warnings_of(plan.findings)}
    known: set[Told] = set()
    with suppress(EdgebootError):
        path = directories.state() / cluster.name / "told-warnings"
        known = _read(path)
        elsewhere = {one for one in known if one.node not in plan.findings}
        if known != now | elsewhere:
            directories.made(path.parent)
            atomic.write(path, _written(now | elsewhere), mode=0o600)
    return frozenset(known)


def _read(path: Path) -> set[Told]:
    """A line a warning; others are ignored."""
    if not path.is_file():
        return set()
    text = bounded.read(path, _LARGEST).decode("utf-8", "replace")
    words = (line.split(" ") for line in text.splitlines())
    return {Told(pair[0], pair[1]) for pair in words if len(pair) == 2}


def _written(told: set[Told]) -> str:
    return "".join(sorted(f"{one.node} {one.id}\n" for one in told))
