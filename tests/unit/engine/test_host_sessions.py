"""Locks and reconnecting on fake hosts: how long is waited, how often is tried, who lets go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.engine.host_sessions import DEFAULT_POLICY, HostSessions, RunPolicy
from edgeboot.errors import Unreachable
from edgeboot.events import silent
from edgeboot.lifecycle.install.run import install
from edgeboot.transport.base import Command, Result, Snippet
from edgeboot.transport.fake.host import FakeHost
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts

PATIENT = replace(DEFAULT_POLICY, patience=60.0, sleep=lambda _seconds: None)
RUNAWAY = 100


def run(fakes: dict[str, FakeHost], policy: RunPolicy = PATIENT) -> None:
    install(
        CLUSTER,
        BUNDLE,
        fakes,
        confirm=lambda _plan: True,
        tell=silent,
        patience=0.0,
        policy=policy,
    )


def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    pauses: list[float] = []
    host = hosts()["agent-1"]

    def gone() -> None:
        raise Unreachable("it is gone", where="agent-1")

    host.reconnect = gone  # type: ignore[method-assign]
    policy = replace(
        PATIENT,
        pause=1.0,
        longest=5.0,
        patience=20.0,
        sleep=pauses.append,
        clock=lambda: sum(pauses),
    )
    sessions = HostSessions({"agent-1": host}, policy, silent)
    with pytest.raises(Unreachable, match="it is gone"):
        sessions.back("agent-1", Unreachable("the link was cut", where="agent-1"))
    assert pauses == [1, 2, 4, 5, 5, 5]


def test_pauses_of_hosts_differ() -> None:
    pauses: list[float] = []
    for host in (hosts()["agent-1"] for _ in range(20)):
        sessions = HostSessions({"agent-1": host}, replace(PATIENT, sleep=pauses.append), silent)
        sessions.back("agent-1", Unreachable("the link was cut", where="agent-1"))
    assert len(set(pauses)) > 10
    assert all(0.5 <= pause <= 1.5 for pause in pauses)


def test_a_lock_that_comes_after_the_end_is_given_back() -> None:
    """A worker may still wait for a host's answer when the run has ended."""
    host = hosts()["agent-1"]
    sessions = HostSessions({"agent-1": host}, PATIENT, silent)
    hold = host.hold

    def late(*words: Any, **more: Any) -> Any:
        held = hold(*words, **more)
        assert host.locked
        sessions.release()
        return held

    host.hold = late  # type: ignore[method-assign]
    _, errors = sessions.take(["agent-1"])
    assert not errors
    assert not host.locked


class CutHost:
    """Cuts the link before it carries out some commands."""

    def __init__(self, host: FakeHost) -> None:
        self.cuts: list[str] = []
        self._run = host.run
        host.run = self.run  # type: ignore[method-assign]

    def is_cut(self, command: Command) -> bool:
        raise NotImplementedError

    def run(self, command: Command, **more: Any) -> Result:
        if isinstance(command, Snippet) and self.is_cut(command):
            self.cuts.append(command.name)
            assert len(self.cuts) < RUNAWAY, "there is no end to it"
            raise Unreachable("the link was cut", where="agent-1")
        return self._run(command, **more)


@pytest.mark.parametrize("attempts", [1, 3, 5])
def test_cuts_between_which_nothing_gets_done_are_counted(attempts: int) -> None:
    class Always(CutHost):
        def is_cut(self, command: Command) -> bool:
            return isinstance(command, Snippet) and command.name == "directory"

    fakes = hosts()
    cut = Always(fakes["agent-1"])
    with pytest.raises(FleetError, match="the link was cut") as caught:
        run(fakes, replace(PATIENT, attempts=attempts))
    assert caught.value.exit_code == 3
    assert cut.cuts == ["directory"] * attempts


def test_cuts_between_which_something_gets_done_are_not() -> None:
    class EveryOther(CutHost):
        last = ""

        def is_cut(self, command: Command) -> bool:
            again, self.last = str(command) == self.last, str(command)
            return isinstance(command, Snippet) and command.name == "directory" and not again

    fakes = hosts()
    cut = EveryOther(fakes["agent-1"])
    run(fakes, replace(PATIENT, attempts=2))
    assert len(cut.cuts) > 2
    assert fakes["agent-1"].units == {"k3s-agent": "active"}
