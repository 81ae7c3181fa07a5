"""A plan: phases with their steps by node, and preflight's findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeboot.plan.findings import Finding
from edgeboot.plan.steps import Step


@dataclass(frozen=True)
class PlannedPhase:
    """The steps of one phase, by node; nodes without steps are left out."""

    name: str
    steps: Mapping[str, tuple[Step, ...]]


@dataclass(frozen=True)
class Remark:
    """What a plan has to say about a node that no step changes, and what to do about it.

    ``node`` is empty for the whole cluster.
    """

    node: str
    what: str
    hint: str
    error_id: str


@dataclass(frozen=True)
class Plan:
    """All that an operation would do, phase by phase; preflight's ``findings`` by node."""

    phases: tuple[PlannedPhase, ...]
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)  # who chose a node's settings
    remarks: tuple[Remark, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)  # server or agent, by node

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def steps(self) -> tuple[tuple[str, Step], ...]:
        """Every step with its node, in the order of the phases."""
        return tuple(
            (node, step)
            for phase in self.phases
            for node, steps in phase.steps.items()
            for step in steps
        )

    def steps_of(self, node: str) -> tuple[Step, ...]:
        """Everything that would be done to a node."""
        return tuple(step for name, step in self.steps if name == node)
