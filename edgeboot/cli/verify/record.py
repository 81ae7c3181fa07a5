"""``verify --record``: what was used, and a margin, as the site's own budget."""

from __future__ import annotations

from pathlib import Path

import click

from edgeboot.errors import EdgebootError, NotMeasured
from edgeboot.inventory.budget.file import budget_text
from edgeboot.inventory.model import Role
from edgeboot.localio import atomic
from edgeboot.verify.measure.budgets import recorded
from edgeboot.verify.measure.usage import Usage
from edgeboot.verify.results import Verification
from edgeboot.verify.suite import Fleet


def record(fleet: Fleet, found: Verification, path: Path, margin: int) -> None:
    """Writes the budget file; roles without a measured node are left out."""
    limits = {role: recorded(_usages(fleet, role), margin) for role in Role}
    limits = {role: of_role for role, of_role in limits.items() if of_role}
    if not limits:
        raise NotMeasured("there is nothing to record: no node was measured", where=str(path))
    seconds = max(node.seconds for node in found.nodes)
    comment = (
        f"Measured by `edgeboot verify` at {found.when} over {seconds:.0f} s "
        f"with K3s {found.k3s}, plus {margin} %."
    )
    atomic.write(path, budget_text(limits, comment))
    click.echo(f"{path} written", err=True)


def _usages(fleet: Fleet, role: Role) -> list[Usage]:
    usages = []
    for subject in fleet.subjects.values():
        try:
            if subject.role is role:
                usages.append(subject.usage)
        except EdgebootError:
            continue
    return usages
