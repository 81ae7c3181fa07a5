"""``verify --record``: what was used, plus a margin, as the site's own budget."""

from __future__ import annotations

from pathlib import Path

import click

from edgeboot.errors import NotMeasured
from edgeboot.inventory.budget.file import budget_text
from edgeboot.localio import atomic
from edgeboot.verify.results import Verification
from edgeboot.verify.suite import Fleet
from edgeboot.verify.summary import recorded_limits


def record(fleet: Fleet, found: Verification, path: Path, margin: int) -> None:
    """Writes the budget file."""
    limits = recorded_limits(fleet.subjects.values(), margin)
    if not limits:
        raise NotMeasured("nothing to record: no node was measured", where=str(path))
    seconds = max(node.seconds for node in found.nodes)
    comment = (
        f"Measured by `edgeboot verify` at {found.when} over {seconds:.0f} s "
        f"with K3s {found.k3s}, plus {margin} %."
    )
    atomic.write(path, budget_text(limits, comment))
    click.echo(f"wrote {path}", err=True)
