"""The phase runner on a state that knows nothing of K3s."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from edgeboot.blob import BytesSource
from edgeboot.engine.fleet import FleetError
from edgeboot.engine.host_sessions import HostSessions, RunPolicy
from edgeboot.engine.phase_runner import POLL, PhaseRunner
from edgeboot.errors import EdgebootError, StepFailed, Unreachable
from edgeboot.events import Event, Note, PhaseEnded, PhaseStarted, Waiting
from edgeboot.plan.phases import Gate, Phase, plan
from edgeboot.plan.steps import Reboot, Remove, Start, Step, Upload
from edgeboot.transport.base import Result, Snippet, Transport


@dataclass(frozen=True)
class Host:
    name: str


A, B, C = Host("a"), Host("b"), Host("c")


@dataclass(frozen=True)
class State:
    hosts: tuple[Host, ...] = (A, B)
    statuses: Mapping[str, str] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    facts: Mapping[str, object] = field(default_factory=dict)

    def with_facts(self, facts: Mapping[str, Any]) -> State:
        return replace(self, facts={**self.facts, **facts})

    def with_status(self, node: str, status: Any) -> State:
        return replace(self, statuses={**self.statuses, node: status})

    def without_statuses(self) -> State:
        return replace(self, statuses={})

    def without(self, names: Collection[str]) -> State:
        return replace(self, hosts=tuple(h for h in self.hosts if h.name not in names))


class Wire:
    """A transport that notes the snippets it is asked to run, among those of all hosts."""

    def __init__(self, node: str, log: list[str], fail: frozenset[str] = frozenset()) -> None:
        self.node, self.log, self.fail = node, log, fail

    def run(self, command: Snippet, **_: object) -> Result:
        self.log.append(f"{self.node}: {command.name}")
        return Result(int(self.node in self.fail), "", "no")


class Looks:
    """Answers of hosts in their order; the last one stays."""

    def __init__(self, log: list[str], **answers: Sequence[str | EdgebootError]) -> None:
        self.log = log
        self.left = {name: list(some) for name, some in answers.items()}
        self.limit: int | None = None

    def look(self, node: Host, _transport: Transport) -> str:
        self.log.append(f"{node.name}: look")
        some = self.left[node.name]
        found = some.pop(0) if len(some) > 1 else some[0]
        if isinstance(found, EdgebootError):
            raise found
        return found

    def looks_until_hopeless(self, state: State, node: str) -> int | None:
        return self.limit if state.statuses.get(node) == "bad" else None

    def gave_up(
        self, _state: State, node: str, reason: str, steps: Sequence[Step], _transport: Transport
    ) -> StepFailed:
        return StepFailed(f"{reason} after {len(steps)} steps", where=node)


@dataclass
class Run:
    """A runner with its log, its events and the time that it has waited."""

    log: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    fail: frozenset[str] = frozenset()

    def runner(
        self, looks: Looks | None = None, patience: float = 5.0, **policy: Any
    ) -> PhaseRunner[State, Host]:
        chosen = RunPolicy(sleep=self.waited.append, clock=lambda: sum(self.waited), **policy)
        wires = {name: Wire(name, self.log, self.fail) for name in "abc"}
        sessions = HostSessions(wires, chosen, self.events.append)  # type: ignore[arg-type]
        return PhaseRunner(sessions, looks or Looks(self.log), self.events.append, patience)

    def reasons(self) -> list[tuple[str, str]]:
        return [(e.node, e.reason) for e in self.events if isinstance(e, Waiting)]


def everybody(state: State) -> tuple[Host, ...]:
    return state.hosts


def removal(_state: State, _node: Host) -> tuple[Step, ...]:
    return (Remove("/x"),)


def nothing(_state: State, _node: Host) -> tuple[Step, ...]:
    return ()


def unless_good(state: State) -> Mapping[str, str]:
    return {name: f"is {seen}" for name, seen in state.statuses.items() if seen != "good"}


GATE = Gate(everybody, unless_good)


def test_a_plan_has_the_steps_of_hosts_that_may_be_changed() -> None:
    phases = (Phase("one", everybody, removal), Phase("two", everybody, nothing))
    found = plan(phases, State(read_only=frozenset({"b"})))
    assert [(phase.name, dict(phase.steps)) for phase in found.phases] == [
        ("one", {"a": (Remove("/x"),)}),
        ("two", {}),
    ]


def test_phases_follow_each_other_and_a_gate_is_asked_after_the_steps() -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=["good"])
    first, second = Phase("one", everybody, removal, GATE), Phase("two", everybody, removal)
    run.runner(looks, parallel=1).run((first, second), State())
    assert run.log == ["a: remove", "b: remove", "a: look", "b: look", "a: remove", "b: remove"]
    assert [e for e in run.events if isinstance(e, PhaseStarted | PhaseEnded)] == [
        PhaseStarted("one", ("a", "b")),
        PhaseEnded("one", ok=True),
        PhaseStarted("two", ("a", "b")),
        PhaseEnded("two", ok=True),
    ]


def test_only_hosts_with_a_reason_are_looked_at_again() -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=["slow", "slow", "slower", "slow", "good"])
    runner = run.runner(looks, patience=60.0, parallel=1)
    state = runner.run((Phase("one", everybody, nothing, GATE),), State())
    assert run.log == ["a: look", *["b: look"] * 5]
    assert run.waited == [POLL] * 4
    # each reason once, as long as it stays the same
    assert run.reasons() == [("b", "is slow"), ("b", "is slower"), ("b", "is slow")]
    assert state.statuses == {"a": "good", "b": "good"}


def test_a_reason_of_a_host_that_is_not_looked_at_has_all_looked_at_again() -> None:
    run = Run()
    gate = Gate[State, Host](
        lambda state: state.hosts[:1],
        lambda state: {} if state.statuses["a"] == "b is good" else {"b": "is slow"},
    )
    looks = Looks(run.log, a=["b is slow", "b is good"])
    run.runner(looks).run((Phase("one", everybody, nothing, gate),), State())
    assert run.log == ["a: look", "a: look"]


def test_a_gate_is_waited_for_as_long_as_patience_lasts() -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=["slow"])
    with pytest.raises(FleetError, match="is slow after 1 steps") as caught:
        run.runner(looks, patience=3 * POLL).run((Phase("one", everybody, removal, GATE),), State())
    assert list(caught.value.errors) == ["b"]
    assert run.waited == [POLL] * 4
    assert run.events[-1] == PhaseEnded("one", ok=False)


@pytest.mark.parametrize(("limit", "waits"), [(1, 0), (3, 2)])
def test_waiting_ends_when_it_is_hopeless(limit: int, waits: int) -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=["bad"])
    looks.limit = limit
    with pytest.raises(FleetError, match="is bad"):
        run.runner(looks, patience=1e9).run((Phase("one", everybody, nothing, GATE),), State())
    assert len(run.waited) == waits


def test_bad_looks_count_for_each_host_alone() -> None:
    run = Run()
    looks = Looks(run.log, a=["bad", "good"], b=["bad", "good"])
    looks.limit = 2
    run.runner(looks).run((Phase("one", everybody, nothing, GATE),), State())
    assert len(run.waited) == 1


@pytest.mark.parametrize(
    ("step", "guarded"),
    [(Start("k3s", "h", "why"), True), (Reboot("id", "why"), True), (Remove("/x"), False)],
)
def test_a_guard_holds_before_a_service_is_interrupted(step: Step, guarded: bool) -> None:
    run = Run()
    looks = Looks(run.log, a=["slow", "slow", "slow", "slow"], b=["good"])
    phase = Phase[State, Host]("one", lambda s: s.hosts[:1], lambda _s, _n: (step,), guard=GATE)
    state = State(statuses={"a": "good", "b": "good"})  # of before: they count no more
    runner = run.runner(looks, patience=0.0, parallel=1)
    if guarded:
        with pytest.raises(FleetError, match="is slow after 0 steps"):
            runner.run((phase,), state)
        assert "a: look" in run.log
        assert not {"a: start", "a: reboot"} & set(run.log)
    else:
        runner.run((phase,), state)
        assert run.log == ["a: remove"]


def test_every_host_has_its_turn_before_a_phase_fails() -> None:
    run = Run(fail=frozenset({"a"}))
    with pytest.raises(FleetError) as caught:
        run.runner(parallel=1).run(
            (Phase("one", everybody, removal), Phase("two", everybody, removal)), State()
        )
    assert list(caught.value.errors) == ["a"]
    assert run.log == ["a: remove", "b: remove"]
    assert run.events[-1] == PhaseEnded("one", ok=False)


def test_unreachable_hosts_are_left_out_where_they_can_be_spared() -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=[Unreachable("gone", where="b")])
    runner = run.runner(looks, skip_unreachable=True, attempts=1)
    runner.sessions.back = lambda name, error: None  # type: ignore[method-assign] # noqa: ARG005
    runner.spare = lambda state, names: state.without(names)
    state = runner.run((Phase("one", everybody, nothing, GATE),), State())
    assert state.hosts == (A,)
    assert list(runner.lost) == ["b"]
    assert [e for e in run.events if isinstance(e, Note)] == [Note("is left out: gone", "b")]


@pytest.mark.parametrize("skip", [True, False])
def test_unreachable_hosts_that_are_needed_end_the_run(skip: bool) -> None:
    run = Run()
    looks = Looks(run.log, a=["good"], b=[Unreachable("gone", where="b")])
    runner = run.runner(looks, skip_unreachable=skip, attempts=1)
    runner.sessions.back = lambda name, error: None  # type: ignore[method-assign] # noqa: ARG005
    if not skip:
        runner.spare = lambda state, names: state.without(names)
    with pytest.raises(FleetError, match="gone"):
        runner.run((Phase("one", everybody, nothing, GATE),), State())
    assert not runner.lost


class Uploading(Wire):
    """An upload that ends only when as many as are allowed are under way."""

    together = threading.Barrier(2)
    third = threading.Event()
    count = 0
    most = 0
    lock = threading.Lock()

    def put(self, _source: object, _command: Snippet, **_: object) -> Result:
        with Uploading.lock:
            Uploading.count += 1
            Uploading.most = max(Uploading.most, Uploading.count)
            if Uploading.count > 2:
                Uploading.third.set()
        if self.node in {"a", "b"}:
            Uploading.together.wait(60)  # both are there at the same time
            Uploading.third.wait(0.2)  # time for a third that should not be
        with Uploading.lock:
            Uploading.count -= 1
        return Result(0, "", "")


def test_no_more_uploads_at_a_time_than_allowed() -> None:
    run = Run()
    runner = run.runner(uploads=2, parallel=3)
    wires = {name: Uploading(name, run.log) for name in "abc"}
    runner.sessions.transports = wires  # type: ignore[assignment]
    upload = Upload("/k3s", BytesSource(b"x"), 0o755, replaces=False)
    phase = Phase[State, Host]("one", everybody, lambda _state, _node: (upload,))
    order = State(hosts=(A, B, C))
    runner.run((phase,), order)
    assert Uploading.most == 2


def test_a_failed_step_is_never_skipped() -> None:
    run = Run(fail=frozenset({"b"}))
    runner = run.runner(skip_unreachable=True)
    runner.spare = lambda state, names: state.without(names)
    with pytest.raises(FleetError, match="exit code 1"):
        runner.run((Phase("one", everybody, removal),), State())


class Cut(Wire):
    """A connection that breaks while its steps run, ``times`` times."""

    times = 1

    def run(self, command: Snippet, **how: object) -> Result:
        if self.node == "b" and self.times:
            self.times -= 1
            self.log.append("b: cut")
            raise Unreachable("cut", where="b")
        return super().run(command, **how)


def cut(run: Run, times: int, **policy: Any) -> PhaseRunner[State, Host]:
    runner = run.runner(parallel=1, **policy)
    wires = {name: Cut(name, run.log) for name in "ab"}
    wires["b"].times = times
    runner.sessions.transports = wires  # type: ignore[assignment]
    reads = iter(range(1, 100))

    def back(name: str, error: Unreachable) -> int:
        run.log.append(f"{name}: back")
        assert error.where == name
        return next(reads)

    runner.sessions.back = back  # type: ignore[method-assign]
    return runner


def test_after_a_cut_the_steps_are_those_that_are_left() -> None:
    def left(state: State, node: Host) -> tuple[Step, ...]:
        return (Start("k3s", "h", "why"),) if node.name in state.facts else (Remove("/x"),)

    run = Run()
    state = cut(run, 1).run((Phase("one", everybody, left),), State())
    assert run.log == ["a: remove", "b: cut", "b: back", "b: start"]
    assert state.facts == {"b": 1}  # what was read on the way is kept


def test_cuts_without_progress_are_counted_and_progress_starts_anew() -> None:
    run = Run()
    with pytest.raises(FleetError, match="cut"):
        cut(run, 9, attempts=3).run((Phase("one", everybody, removal),), State())
    assert run.log.count("b: cut") == 3

    def moving(state: State, _node: Host) -> tuple[Step, ...]:
        return (Remove(f"/{state.facts.get('b', 0)}"),)

    run = Run()
    cut(run, 5, attempts=3).run((Phase("one", everybody, moving),), State())
    assert run.log.count("b: cut") == 5
    assert run.log[-1] == "b: remove"

    def once(state: State, _node: Host) -> tuple[Step, ...]:
        return (Remove("/before" if "b" not in state.facts else "/after"),)

    run = Run()
    with pytest.raises(FleetError, match="cut"):
        cut(run, 9, attempts=3).run((Phase("one", everybody, once),), State())
    assert run.log.count("b: cut") == 1 + 3


def test_a_look_that_is_cut_off_is_taken_again() -> None:
    run = Run()
    gone = Unreachable("gone", where="b")
    looks = Looks(run.log, a=["good"], b=[gone, gone, "good"])
    runner = cut(run, 0, attempts=3)
    runner.watch = looks
    runner.run((Phase("one", everybody, nothing, GATE),), State())
    assert run.log.count("b: back") == 2
    looks.left["b"] = [gone]
    with pytest.raises(FleetError, match="gone"):
        runner.run((Phase("one", everybody, nothing, GATE),), State())
    assert run.log.count("b: look") == 6
