"""A lifecycle is a tuple of phases; this walks it: plan, apply, wait for the gate, go on.

Planning a phase is pure, so ``plan`` prints the steps that ``run`` executes. A phase that fails on
any host ends the walk after every other host of that phase has had its turn.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgeboot.components.context import service_of
from edgeboot.engine.apply import apply
from edgeboot.engine.fleet import FleetError, on_all, require_all
from edgeboot.engine.observe import status
from edgeboot.errors import EdgebootError, StepFailed
from edgeboot.events import Listener, PhaseEnded, PhaseStarted, Waiting
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.world import Plan, PlannedPhase, World
from edgeboot.plan.diagnosis import diagnose
from edgeboot.plan.health import Status, is_rejected
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Transport

POLL = 2.0  # seconds between looks at a host whose gate does not hold yet
_MANY_RESTARTS = 5
_MANY_REJECTIONS = 5


@dataclass(frozen=True)
class Gate:
    """What must hold before the next phase: ``looks_at`` are asked, ``why_not`` decides.

    ``why_not(world)`` returns a reason by node, empty where the gate holds; it decides from
    ``world.statuses`` alone.
    """

    looks_at: Callable[[Cluster], tuple[Node, ...]]
    why_not: Callable[[World], Mapping[str, str]]


@dataclass(frozen=True)
class Phase:
    """Part of a lifecycle: on which nodes, which steps, and what must hold afterwards."""

    name: str
    select: Callable[[Cluster], tuple[Node, ...]]
    steps: Callable[[World, Node], tuple[Step, ...]]
    gate: Gate | None = None


def plan(phases: Sequence[Phase], world: World) -> Plan:
    """What walking the phases would do, as far as it can be known before any of it is done."""
    return Plan(tuple(_planned(phase, world) for phase in phases))


def _planned(phase: Phase, world: World) -> PlannedPhase:
    found = {node.name: phase.steps(world, node) for node in phase.select(world.cluster)}
    return PlannedPhase(phase.name, {name: steps for name, steps in found.items() if steps})


@dataclass(frozen=True)
class Walk:
    """Where and how phases are carried out. ``patience`` in seconds bounds each gate."""

    transports: Mapping[str, Transport]
    tell: Listener
    patience: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, phases: Sequence[Phase], world: World) -> World:
        """Walks all phases; returns the world as it was last seen. ``FleetError`` ends it."""
        for phase in phases:
            world = self._run_phase(phase, world)
        return world

    def _run_phase(self, phase: Phase, world: World) -> World:
        steps = _planned(phase, world).steps
        self.tell(PhaseStarted(phase.name, tuple(steps)))
        try:
            require_all(steps, lambda name: apply(self.transports[name], steps[name], self.tell))
            if steps:
                world = world.without_statuses()
            if phase.gate:
                world = self._wait(phase.gate, world)
        except EdgebootError:
            self.tell(PhaseEnded(phase.name, ok=False))
            raise
        self.tell(PhaseEnded(phase.name, ok=True))
        return world

    def _wait(self, gate: Gate, world: World) -> World:
        nodes = {node.name: node for node in gate.looks_at(world.cluster)}
        deadline = self.clock() + self.patience
        told: dict[str, str] = {}
        rejected: Counter[str] = Counter()
        stale = {name for name in nodes if name not in world.statuses}
        while True:
            world = self._look(nodes, stale, world)
            reasons = gate.why_not(world)
            if not reasons:
                return world
            for name, reason in reasons.items():
                if told.get(name) != reason:
                    self.tell(Waiting(name, reason))
            told = dict(reasons)
            hopeless = {n for n in reasons if _is_hopeless(world.statuses.get(n))}
            rejected.update(n for n in reasons if _is_rejected(world.statuses.get(n)))
            # Once may be from before its password was forgotten: agents ask again every 2 s.
            hopeless |= {n for n, times in rejected.items() if times > _MANY_REJECTIONS}
            if hopeless or self.clock() > deadline:
                raise FleetError({n: self._gave_up(n, reasons[n], world) for n in reasons})
            self.sleep(POLL)
            # A reason may lie with a node that is itself not looked at: look at all then.
            stale = set(reasons) & set(nodes) or set(nodes)

    def _look(self, nodes: Mapping[str, Node], stale: set[str], world: World) -> World:
        def look(name: str) -> Status:
            role = nodes[name].role
            return status(self.transports[name], role.value, service_of(role))

        statuses, errors = on_all(sorted(stale), look)
        if errors:
            raise FleetError(errors)
        for name, found in statuses.items():
            world = world.with_status(name, found)
        return world

    def _gave_up(self, node: str, reason: str, world: World) -> StepFailed:
        seen = world.statuses.get(node)
        excerpt = ""
        if seen and seen.journal:
            lines = "\n".join(f"    {line}" for line in seen.journal.splitlines()[-8:])
            excerpt = f"\n  its service said last:\n{lines}"
        cause = diagnose(seen.journal, node) if seen else None
        again = "then run the same command again; what is done stays done"
        return StepFailed(
            f"{reason}{f': {cause.what}' if cause else ''}{excerpt}",
            where=node,
            hint=f"{cause.hint if cause else 'mend the cause'}; {again}",
            error_id=cause.error_id if cause else "not-ready",
        )


def _is_hopeless(status: Status | None) -> bool:
    return status is not None and (status.active == "failed" or status.restarts >= _MANY_RESTARTS)


def _is_rejected(status: Status | None) -> bool:
    return status is not None and is_rejected(status)
