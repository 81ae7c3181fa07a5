"""An operation is a tuple of phases: which hosts, which steps, and what must hold afterwards.

Values only: ``engine.phase_runner`` runs them. ``S`` is the state that an operation decides from,
``N`` a node of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edgeboot.plan.plan import Plan, PlannedPhase
from edgeboot.plan.steps import Step


class Named(Protocol):
    """A node: all that phases need of one is its name."""

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        ...


class PlanState(Protocol):
    """What planning needs of a state."""

    @property
    def read_only(self) -> frozenset[str]:
        """The nodes that are looked at and never changed."""
        ...


S = TypeVar("S", bound=PlanState)
N = TypeVar("N", bound=Named)


@dataclass(frozen=True)
class Gate(Generic[S, N]):
    """What must hold before the next phase: ``looks_at`` are asked, ``why_not`` decides.

    ``why_not(state)`` returns a reason by node, empty where the gate holds. While it does not,
    the nodes with a reason are looked at again, and the ``witnesses`` that speak about others.
    """

    looks_at: Callable[[S], tuple[N, ...]]
    why_not: Callable[[S], Mapping[str, str]]
    witnesses: Callable[[S], tuple[N, ...]] = lambda _state: ()


@dataclass(frozen=True)
class Phase(Generic[S, N]):
    """Part of an operation: on which nodes, which steps, and what must hold afterwards.

    ``guard`` must hold before a service is started or a host reboots.
    """

    name: str
    select: Callable[[S], tuple[N, ...]]
    steps: Callable[[S, N], tuple[Step, ...]]
    gate: Gate[S, N] | None = None
    guard: Gate[S, N] | None = None

    def plan(self, state: S) -> PlannedPhase:
        """The steps of this phase for a state, by node."""
        changed = (node for node in self.select(state) if node.name not in state.read_only)
        found = {node.name: self.steps(state, node) for node in changed}
        return PlannedPhase(self.name, {name: steps for name, steps in found.items() if steps})


def plan(phases: Sequence[Phase[S, N]], state: S) -> Plan:
    """What running the phases would do, as far as it is known before any of it is done."""
    return Plan(tuple(phase.plan(state) for phase in phases))
