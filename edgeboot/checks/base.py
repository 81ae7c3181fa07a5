"""What a check gets, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from edgeboot.bundle.format.contents import Contents
from edgeboot.components.context import service_of
from edgeboot.components.k3s.base import config_of
from edgeboot.inventory.model import Cluster, ConfigValue, Node, Role
from edgeboot.plan import health
from edgeboot.plan.facts import Facts
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.options import DEFAULT_OPTIONS, InstallOptions
from edgeboot.plan.steps import Step


@dataclass(frozen=True)
class Subject:
    """One host under examination. ``contents`` is None where no bundle is named."""

    cluster: Cluster
    node: Node
    fleet: Mapping[str, Facts]
    contents: Contents | None
    options: InstallOptions = DEFAULT_OPTIONS
    steps: tuple[Step, ...] = ()
    # Node objects by name; None if there is no cluster yet, or its API does not answer.
    registered: Mapping[str, health.NodeState] | None = None

    @property
    def facts(self) -> Facts:
        """What is known of the host itself."""
        return self.fleet[self.node.name]

    @cached_property
    def config(self) -> dict[str, ConfigValue]:
        """The keys of its ``config.yaml``."""
        return config_of(self.cluster, self.node)

    @property
    def running(self) -> bool:
        """Whether its K3s runs, or is about to."""
        return is_alive(self.facts, self.node.role)


def is_alive(facts: Facts, role: Role) -> bool:
    """Whether a host's K3s in a role runs or is starting."""
    unit = facts.units.get(service_of(role))
    return unit is not None and health.is_alive(unit.active)


@dataclass(frozen=True)
class Complaint:
    """What one check found, still without its id."""

    severity: Severity
    what: str
    fix: str


def refuse(what: str, fix: str) -> Complaint:
    """The host cannot become the node that the inventory describes."""
    return Complaint(Severity.REFUSE, what, fix)


def warn(what: str, fix: str) -> Complaint:
    """It works, but the operator should know."""
    return Complaint(Severity.WARN, what, fix)


def fixable(what: str, fix: str) -> Complaint:
    """The phase "prepare" fixes it; ``fix`` says how."""
    return Complaint(Severity.FIX, what, fix)


def unknown(what: str, fix: str) -> Complaint:
    """It could not be checked."""
    return Complaint(Severity.UNKNOWN, what, fix)


@dataclass(frozen=True)
class Check:
    """One row of the table; ``why`` says what would go wrong.

    ``allowable``: the operator may turn its refusal into a warning.
    """

    id: str
    title: str
    why: str
    decide: Callable[[Subject], Iterator[Complaint]]
    allowable: bool = False

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """What it finds on a host."""
        overlooked = self.allowable and self.id in subject.options.allowed
        for said in self.decide(subject):
            severity = said.severity
            if severity is Severity.REFUSE and overlooked:
                severity = Severity.WARN
            yield Finding(self.id, severity, said.what, said.fix)
