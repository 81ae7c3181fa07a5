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
from edgeboot.report.warnings import Told, told, warnings_of

_LARGEST = 1 << 20


def known_warnings(cluster: Cluster, plan: Plan) -> frozenset[Told]:
    """The warnings told by earlier runs; those of ``plan`` count as told from now on."""
    now = {told(node, one) for node, one in warnings_of(plan.findings)}
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
    return {Told(*three) for three in words if len(three) == 3}


def _written(some: set[Told]) -> str:
    return "".join(sorted(f"{one.node} {one.id} {one.words}\n" for one in some))
