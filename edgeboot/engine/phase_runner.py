"""Runs the phases of an operation: plan, apply, wait for the gate, next.

Planning a phase is pure, so ``plan`` prints the steps that ``run`` executes. A phase that fails on
any host ends the run after every other host of that phase has had its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from typing import Any, Generic, Protocol, Self, TypeVar

from edgeboot.engine.apply import apply
from edgeboot.engine.fleet import FleetError, on_all
from edgeboot.engine.host_sessions import HostSessions
from edgeboot.errors import EdgebootError, StepFailed, Unreachable
from edgeboot.events import Listener, Note, PhaseEnded, PhaseStarted, WaitEnded, Waiting
from edgeboot.plan.phases import Gate, N, Phase, PlanState
from edgeboot.plan.steps import Reboot, Start, Step
from edgeboot.transport.base import Transport

POLL = 2.0  # seconds between looks at a host whose gate does not hold yet


class RunState(PlanState, Protocol):
    """What running phases needs of a state: it is replaced, never changed."""

    @property
    def statuses(self) -> Mapping[str, object]:
        """What was last seen of each host that a gate looked at, by name."""
        ...

    def with_facts(self, facts: Mapping[str, Any]) -> Self:
        """The same state after some hosts were read anew."""
        ...

    def with_status(self, node: str, status: Any) -> Self:
        """The same state after a look at a host."""
        ...

    def without_statuses(self) -> Self:
        """The same state after something was done: earlier looks count no more."""
        ...


S = TypeVar("S", bound=RunState)
_S = TypeVar("_S", contravariant=True)
_N = TypeVar("_N", contravariant=True)


class Watch(Protocol[_S, _N]):
    """How an operation sees its hosts while it waits for a gate."""

    def look(self, node: _N, transport: Transport) -> object:
        """A host's status, read only."""
        ...

    def looks_until_hopeless(self, state: _S, node: str) -> int | None:
        """After how many looks like the last one waiting is pointless; None: it may still help."""
        ...

    def gave_up(
        self, state: _S, node: str, reason: str, steps: Sequence[Step], transport: Transport
    ) -> StepFailed:
        """The error for a host whose gate did not hold after ``steps``; may undo what they did."""
        ...


def spares_nobody(_state: object, _names: Collection[str]) -> None:
    """For operations that need every host."""


@dataclass
class PhaseRunner(Generic[S, N]):
    """Where and how phases are run. ``patience`` in seconds bounds each gate.

    ``spare`` returns the state without some hosts, None where it cannot do without one. ``lost``
    are the hosts that were given up because they cannot be reached, and why.
    """

    sessions: HostSessions
    watch: Watch[S, N]
    tell: Listener
    patience: float
    spare: Callable[[S, Collection[str]], S | None] = spares_nobody
    lost: dict[str, EdgebootError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """One limit for the uploads of all hosts."""
        self._uploads = BoundedSemaphore(self.sessions.policy.uploads)

    def run(self, phases: Sequence[Phase[S, N]], state: S) -> S:
        """Runs all phases; returns the state as it was last seen. ``FleetError`` ends it."""
        for phase in phases:
            state = self._run_phase(phase, state)
        return state

    def _run_phase(self, phase: Phase[S, N], state: S) -> S:
        steps = phase.plan(state).steps
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

    def _carry_out(self, phase: Phase[S, N], state: S, steps: Mapping[str, tuple[Step, ...]]) -> S:
        nodes = {node.name: node for node in phase.select(state)}
        seen, errors = on_all(
            steps,
            lambda name: self._apply(phase, state, nodes[name], steps[name]),
            workers=self.sessions.policy.parallel,
        )
        state = state.with_facts({name: facts for name, facts in seen.items() if facts})
        return self.without_lost(state, errors)

    def _apply(self, phase: Phase[S, N], state: S, node: N, steps: tuple[Step, ...]) -> object:
        """Applies a host's steps; what it has now where it had to be read anew on the way."""
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

    def without_lost(self, state: S, errors: Mapping[str, EdgebootError]) -> S:
        """The state without unreachable hosts, if that was asked for and they can be spared."""
        spared = {
            name
            for name, error in errors.items()
            if self.sessions.policy.skip_unreachable and isinstance(error, Unreachable)
        }
        rest = self.spare(state, spared) if spared else state
        if errors.keys() - spared or rest is None:
            raise FleetError(errors)
        for name in sorted(spared):
            self.lost[name] = errors[name]
            self.tell(Note(f"is left out: {errors[name].what}", name))
        return rest

    def _wait(self, gate: Gate[S, N], state: S, steps: Mapping[str, tuple[Step, ...]]) -> S:
        nodes = {node.name: node for node in gate.looks_at(state)}
        clock = self.sessions.policy.clock
        deadline = clock() + self.patience
        told: dict[str, str] = {}
        bad_looks: Counter[str] = Counter()
        stale = {name for name in nodes if name not in state.statuses}
        while True:
            state = self._look(nodes, stale, state)
            nodes = {node.name: node for node in gate.looks_at(state)}
            reasons = gate.why_not(state)
            if not reasons:
                return state
            for name, reason in reasons.items():
                if told.get(name) != reason:
                    self.tell(Waiting(name, reason, max(0.0, deadline - clock())))
            for name in told.keys() - reasons.keys():
                self.tell(WaitEnded(name))
            told = dict(reasons)
            if self._is_hopeless(state, reasons, bad_looks) or clock() > deadline:
                raise FleetError(
                    {n: self._gave_up(state, n, reasons[n], steps.get(n, ())) for n in reasons}
                )
            self.sessions.policy.sleep(POLL)
            # A reason may lie with a node that is itself not looked at: look at all then.
            suspects = {*reasons, *(node.name for node in gate.witnesses(state))}
            stale = suspects & set(nodes) or set(nodes)

    def _is_hopeless(self, state: S, names: Collection[str], bad_looks: Counter[str]) -> bool:
        limits = {name: self.watch.looks_until_hopeless(state, name) for name in names}
        bad_looks.update(name for name, limit in limits.items() if limit is not None)
        return any(limit is not None and bad_looks[n] >= limit for n, limit in limits.items())

    def _gave_up(self, state: S, node: str, reason: str, steps: Sequence[Step]) -> StepFailed:
        return self.watch.gave_up(state, node, reason, steps, self.sessions.transports[node])

    def _look(self, nodes: Mapping[str, N], stale: set[str], state: S) -> S:
        statuses, errors = on_all(
            sorted(stale),
            lambda name: self._status(nodes[name]),
            workers=self.sessions.policy.parallel,
        )
        for name, found in statuses.items():
            state = state.with_status(name, found)
        return self.without_lost(state, errors)

    def _status(self, node: N) -> object:
        for _ in range(self.sessions.policy.attempts):
            try:
                return self.watch.look(node, self.sessions.transports[node.name])
            except Unreachable as error:
                self.sessions.back(node.name, error)
                last = error
        raise last


def _interrupts(steps: Mapping[str, tuple[Step, ...]]) -> bool:
    return any(isinstance(step, Start | Reboot) for some in steps.values() for step in some)
