"""Hooks among the phases, on fake hosts: each in its place, once, and around a reboot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from edgeboot.engine import reboot
from edgeboot.errors import EdgebootError
from edgeboot.inventory.host.hooks import STAGES
from edgeboot.inventory.host.host import Hook, Host
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.install.run import install, make_plan
from edgeboot.transport.fake.host import Fault
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts

HOOKS = tuple(
    Hook(f"{'after' if after else 'before'}-{stage}", stage, after, "true\n")
    for stage in STAGES
    for after in (False, True)
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reboot, "PAUSE", 0.0)


def cluster(*hooks: Hook) -> Cluster:
    nodes = tuple(
        replace(node, host=Host(hooks=hooks)) if node.name == "agent-1" else node
        for node in CLUSTER.nodes
    )
    return replace(CLUSTER, nodes=nodes)


def ran(fakes: object) -> list[str]:
    acts = fakes["agent-1"].board.acts  # type: ignore[index]
    return [words[1].removeprefix("hook-") for words in acts if words[0] == "hook"]


def carry_out(wanted: Cluster, fakes: object) -> object:
    return install(
        wanted, BUNDLE, fakes, confirm=lambda _p: True, tell=lambda _e: None, patience=0  # type: ignore[arg-type]
    )  # fmt: skip


def test_each_runs_in_its_place_and_once() -> None:
    fakes = hosts()
    wanted = cluster(*reversed(HOOKS))
    planned = make_plan(wanted, BUNDLE, fakes)
    phases = {
        phase.name: [s.describe() for s in phase.steps.get("agent-1", ())]
        for phase in planned.phases
    }
    assert phases["prepare"][0] == "run hook before-prepare (before prepare)"
    assert phases["upload"][:2] == [
        "run hook after-prepare (after prepare)",
        "run hook before-upload (before upload)",
    ]
    assert phases["upload"][-1] == "run hook after-upload (after upload)"
    assert phases["agents"][0] == "run hook before-start (before start)"
    assert phases["cluster"] == [
        "run hook after-start (after start)",
        "run hook before-cluster (before cluster)",
    ]
    assert phases["hooks"] == ["run hook after-cluster (after cluster)"]

    done = carry_out(wanted, fakes)
    assert done.kubeconfig is not None  # type: ignore[attr-defined]
    assert ran(fakes) == [hook.name for hook in HOOKS]
    assert make_plan(wanted, BUNDLE, fakes).empty
    carry_out(wanted, fakes)
    assert ran(fakes) == [hook.name for hook in HOOKS]


def test_a_changed_one_runs_alone() -> None:
    fakes = hosts()
    carry_out(cluster(*HOOKS), fakes)
    fakes["agent-1"].board.acts.clear()
    changed = (replace(HOOKS[0], script="false\n"), *HOOKS[1:])
    carry_out(cluster(*changed), fakes)
    assert ran(fakes) == ["before-prepare"]


def test_after_prepare_is_after_the_reboot() -> None:
    fakes = hosts()
    board = fakes["agent-1"].board
    board.controllers, board.boot_file = "cpu cpuset pids", b"root=1 rootwait\n"
    boots: list[int] = []
    own = board.prepare

    def mend(name: str, words: tuple[str, ...]) -> bool:
        if name == "hook":
            boots.append(board.boots)
        return own(name, words)

    board.prepare = mend  # type: ignore[method-assign]
    carry_out(cluster(*HOOKS[:2]), fakes)
    assert ran(fakes) == ["before-prepare", "after-prepare"]
    assert boots == [0, 1]


def test_a_hook_whose_answer_was_lost_is_not_run_again() -> None:
    """The host remembers that it ran, whoever has heard of it."""
    for at in range(60):
        fakes = hosts()
        fakes["agent-1"].fault = Fault(at)
        with suppress(EdgebootError):
            carry_out(cluster(*HOOKS), fakes)
        cut = fakes["agent-1"].operations > at
        fakes["agent-1"].fault = None
        for host in fakes.values():
            host.close()
        carry_out(cluster(*HOOKS), fakes)
        assert ran(fakes) == [hook.name for hook in HOOKS], at
        if not cut:
            break
    else:
        pytest.fail("never done")
