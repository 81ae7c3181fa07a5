"""Preflight: read all hosts, run the catalogue of checks on them, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.bundle.format.contents import Contents
from edgeboot.checks.base import Subject
from edgeboot.checks.catalogue import findings
from edgeboot.components.host.observed import targets_of
from edgeboot.engine.fleet import WORKERS, FleetError, on_all
from edgeboot.engine.observe import observe
from edgeboot.errors import EdgebootError, Refused
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.membership import NOBODY, Registered
from edgeboot.plan.facts import Facts
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Transport


def refusals(
    found: Mapping[str, tuple[Finding, ...]], so_far: str = "nothing was changed on any host"
) -> dict[str, EdgebootError]:
    """An error for each node that is refused, which names all reasons and their fixes."""
    errors: dict[str, EdgebootError] = {}
    for node, some in found.items():
        refused = [one for one in some if one.severity is Severity.REFUSE]
        if refused:
            errors[node] = Refused(
                "; ".join(f"{one.what} [{one.id}]" for one in refused),
                error_id="preflight",
                where=node,
                hint="; ".join((*(one.fix for one in refused), so_far)),
            )
    return errors


@dataclass(frozen=True)
class Preflight:
    """The findings by node; empty for a host without any."""

    findings: Mapping[str, tuple[Finding, ...]]

    @property
    def exit_code(self) -> int:
        """5 if a host is refused, else 6 if something could not be checked, else 0."""
        seen = {one.severity for some in self.findings.values() for one in some}
        return 5 if Severity.REFUSE in seen else 6 if Severity.UNKNOWN in seen else 0


def observe_all(
    cluster: Cluster, transports: Mapping[str, Transport], *, workers: int = WORKERS
) -> dict[str, Facts]:
    """The facts of all hosts, read only; ``FleetError`` if one cannot be read."""
    targets = targets_of(cluster)
    facts, errors = on_all(
        transports,
        lambda name: observe(transports[name], targets.get(name, ())),
        workers=workers,
    )
    if errors:
        raise FleetError(errors)
    return facts


def examine(
    cluster: Cluster,
    facts: Mapping[str, Facts],
    contents: Contents | None,
    options: InstallOptions,
    steps: Mapping[str, tuple[Step, ...]],
    registered: Registered = NOBODY,
) -> dict[str, tuple[Finding, ...]]:
    """The findings of all observed nodes; ``steps`` are what is planned for each."""
    return {
        node.name: findings(
            Subject(
                cluster,
                node,
                facts,
                contents,
                options,
                steps.get(node.name, ()),
                registered.nodes,
            )
        )
        for node in cluster.nodes
        if node.name in facts
    }
