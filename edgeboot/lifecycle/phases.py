"""A lifecycle is a tuple of phases; this runs it: plan, apply, wait for the gate, go on.

Planning a phase is pure, so ``plan`` prints the steps that ``run`` executes. A phase that fails on
any host ends the run after every other host of that phase has had its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore

from edgeboot.components.context import service_of
from edgeboot.engine.apply import apply
from edgeboot.engine.fleet import FleetError, on_all
from edgeboot.engine.host_sessions import HostSessions
from edgeboot.engine.observe import status
from edgeboot.errors import EdgebootError, StepFailed, Unreachable
from edgeboot.events import Listener, Note, PhaseEnded, PhaseStarted, Waiting
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.lifecycle.quorum import can_spare
from edgeboot.plan.diagnosis import diagnose
from edgeboot.plan.diff import FIRST_START
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import Status, is_rejected
from edgeboot.plan.plan import Plan, PlannedPhase
from edgeboot.plan.steps import Reboot, Start, Step
from edgeboot.transport.base import Result, Snippet

POLL = 2.0  # seconds between looks at a host whose gate does not hold yet
_MANY_RESTARTS = 5
_MANY_REJECTIONS = 5


@dataclass(frozen=True)
class Gate:
    """What must hold before the next phase: ``looks_at`` are asked, ``why_not`` decides.

    ``why_not(state)`` returns a reason by node, empty where the gate holds; it decides from
    ``state.statuses`` alone.
    """

    looks_at: Callable[[Cluster], tuple[Node, ...]]
    why_not: Callable[[ClusterState], Mapping[str, str]]


@dataclass(frozen=True)
class Phase:
    """Part of a lifecycle: on which nodes, which steps, and what must hold afterwards.

    ``guard`` must hold before a service is started or a host boots anew.
    """

    name: str
    select: Callable[[Cluster], tuple[Node, ...]]
    steps: Callable[[ClusterState, Node], tuple[Step, ...]]
    gate: Gate | None = None
    guard: Gate | None = None


def plan(phases: Sequence[Phase], state: ClusterState) -> Plan:
    """What walking the phases would do, as far as it can be known before any of it is done."""
    return Plan(tuple(_planned(phase, state) for phase in phases))


def _planned(phase: Phase, state: ClusterState) -> PlannedPhase:
    taking_part = (n for n in phase.select(state.cluster) if n.name not in state.read_only)
    found = {node.name: phase.steps(state, node) for node in taking_part}
    return PlannedPhase(phase.name, {name: steps for name, steps in found.items() if steps})


@dataclass
class PhaseRunner:
    """Where and how phases are carried out. ``patience`` in seconds bounds each gate.

    ``lost`` are the nodes that were given up because they cannot be reached, and why.
    """

    sessions: HostSessions
    tell: Listener
    patience: float
    lost: dict[str, EdgebootError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """One door for the uploads of all hosts."""
        self._uploads = BoundedSemaphore(self.sessions.policy.uploads)

    def run(self, phases: Sequence[Phase], state: ClusterState) -> ClusterState:
        """Runs all phases; returns the state as it was last seen. ``FleetError`` ends it."""
        for phase in phases:
            state = self._run_phase(phase, state)
        return state

    def _run_phase(self, phase: Phase, state: ClusterState) -> ClusterState:
        steps = _planned(phase, state).steps
        self.tell(PhaseStarted(phase.name, tuple(steps)))
        try:
            if phase.guard and _interrupts(steps):
                state = self._wait(phase.guard, state.without_statuses(), {})
            if steps:
                state = self._carry_out(phase, state, steps).without_statuses()
            if phase.gate:
                state = self._wait(phase.gate, state, steps)
        except EdgebootError:
            self.tell(PhaseEnded(phase.name, ok=False))
            raise
        self.tell(PhaseEnded(phase.name, ok=True))
        return state

    def _carry_out(
        self, phase: Phase, state: ClusterState, steps: Mapping[str, tuple[Step, ...]]
    ) -> ClusterState:
        nodes = {node.name: node for node in state.cluster.nodes}
        seen, errors = on_all(
            steps,
            lambda name: self._apply(phase, state, nodes[name], steps[name]),
            workers=self.sessions.policy.parallel,
        )
        state = state.with_facts({name: facts for name, facts in seen.items() if facts})
        return self.without_lost(state, errors)

    def _apply(
        self, phase: Phase, state: ClusterState, node: Node, steps: tuple[Step, ...]
    ) -> Facts | None:
        """Carries out a host's steps; its facts where it had to be observed anew on the way."""
        transport, facts, fruitless = self.sessions.transports[node.name], None, 0
        allowed = partial(self.sessions.check, node.name)
        while True:
            try:
                apply(transport, steps, self.tell, self._uploads, allowed)
                return facts
            except Unreachable as error:
                facts = self.sessions.back(node.name, error)
                left = phase.steps(state.with_facts({node.name: facts}), node)
                done = [step.describe() for step in left] != [step.describe() for step in steps]
                fruitless = 0 if done else fruitless + 1
                if fruitless >= self.sessions.policy.attempts:
                    raise
                steps = left

    def without_lost(
        self, state: ClusterState, errors: Mapping[str, EdgebootError]
    ) -> ClusterState:
        """The state without the hosts that are gone, if that is wanted and they can be spared."""
        spared = {
            name
            for name, error in errors.items()
            if self.sessions.policy.skip_unreachable and isinstance(error, Unreachable)
        }
        if errors.keys() - spared or not can_spare(state, spared):
            raise FleetError(errors)
        for name in sorted(spared):
            self.lost[name] = errors[name]
            self.tell(Note(f"is left out: {errors[name].what}", name))
        return state.without(spared) if spared else state

    def _wait(
        self, gate: Gate, state: ClusterState, steps: Mapping[str, tuple[Step, ...]]
    ) -> ClusterState:
        nodes = {node.name: node for node in gate.looks_at(state.cluster)}
        clock = self.sessions.policy.clock
        deadline = clock() + self.patience
        told: dict[str, str] = {}
        rejected: Counter[str] = Counter()
        stale = {name for name in nodes if name not in state.statuses}
        while True:
            state = self._look(nodes, stale, state)
            nodes = {node.name: node for node in gate.looks_at(state.cluster)}
            reasons = gate.why_not(state)
            if not reasons:
                return state
            for name, reason in reasons.items():
                if told.get(name) != reason:
                    self.tell(Waiting(name, reason))
            told = dict(reasons)
            hopeless = {n for n in reasons if _is_hopeless(state.statuses.get(n))}
            rejected.update(n for n in reasons if _is_rejected(state.statuses.get(n)))
            # Once may be from before its password was forgotten: agents ask again every 2 s.
            hopeless |= {n for n, times in rejected.items() if times > _MANY_REJECTIONS}
            if hopeless or clock() > deadline:
                gave_up = {n: self._gave_up(n, reasons[n], state, steps) for n in reasons}
                raise FleetError(gave_up)
            self.sessions.policy.sleep(POLL)
            # A reason may lie with a node that is itself not looked at: look at all then.
            stale = set(reasons) & set(nodes) or set(nodes)

    def _look(
        self, nodes: Mapping[str, Node], stale: set[str], state: ClusterState
    ) -> ClusterState:
        statuses, errors = on_all(
            sorted(stale),
            lambda name: self._status(name, nodes[name].role),
            workers=self.sessions.policy.parallel,
        )
        for name, found in statuses.items():
            state = state.with_status(name, found)
        return self.without_lost(state, errors)

    def _status(self, name: str, role: Role) -> Status:
        for _ in range(self.sessions.policy.attempts):
            try:
                return status(self.sessions.transports[name], role.value, service_of(role))
            except Unreachable as error:
                self.sessions.back(name, error)
                last = error
        raise last

    def _gave_up(
        self, node: str, reason: str, state: ClusterState, steps: Mapping[str, tuple[Step, ...]]
    ) -> StepFailed:
        seen = state.statuses.get(node)
        excerpt = ""
        if seen and (said := seen.journal or seen.chart_log):
            lines = "\n".join(f"    {line}" for line in said.splitlines()[-8:])
            excerpt = f"\n  its {'service' if seen.journal else 'job'} said last:\n{lines}"
        cause = diagnose(seen.journal, node) if seen else None
        again = "then run the same command again; what is done stays done"
        undone = self._undo_first_start(node, seen, steps.get(node, ()))
        return StepFailed(
            f"{reason}{f': {cause.what}' if cause else ''}{excerpt}{undone}",
            where=node,
            hint=f"{cause.hint if cause else 'mend the cause'}; {again}",
            error_id=cause.error_id if cause else "not-ready",
        )

    def _undo_first_start(self, node: str, seen: Status | None, steps: Sequence[Step]) -> str:
        """Stops and disables what this run started for the first time and never came up.

        It would be started over and over otherwise, at every boot too. A service that is active is
        left alone: it is slow, and the next run waits on.
        """
        started = [s.service for s in steps if isinstance(s, Start) and s.reason == FIRST_START]
        if not started or seen is None or seen.active == "active":
            return ""
        try:
            done = self.sessions.transports[node].run(
                Snippet("stop", (started[0],)), deadline=120.0
            )
        except EdgebootError:
            done = Result(1, "", "")
        if done.ok:
            return f"\n  rolled back: {started[0]} is stopped, and not started at boot"
        return f"\n  {started[0]} could not be stopped: it may go on trying"


def _interrupts(steps: Mapping[str, tuple[Step, ...]]) -> bool:
    return any(isinstance(step, Start | Reboot) for some in steps.values() for step in some)


def _is_hopeless(status: Status | None) -> bool:
    return status is not None and (status.active == "failed" or status.restarts >= _MANY_RESTARTS)


def _is_rejected(status: Status | None) -> bool:
    return status is not None and is_rejected(status)
