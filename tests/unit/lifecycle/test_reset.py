"""Reset on fake hosts: bare again, after a cut link at every operation too; and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.engine.host_sessions import DEFAULT_POLICY, RunPolicy
from edgeboot.errors import BadInput, Refused, Unreachable
from edgeboot.events import silent
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.reset import chosen, involved, make_plan, reset
from edgeboot.plan.reset.plan import ResetPlan
from edgeboot.plan.reset.remains import Remains
from edgeboot.transport.fake.host import FakeFile, FakeHost, Fault
from tests.support.small_cluster import CLUSTER, hosts, is_bare
from tests.support.small_cluster import run as install


def installed() -> dict[str, FakeHost]:
    fakes = hosts()
    install(fakes)
    return fakes


def run(
    fakes: dict[str, FakeHost],
    *limit: str,
    foreign: bool = False,
    yes: bool = True,
    policy: RunPolicy = DEFAULT_POLICY,
) -> bool:
    nodes = chosen(CLUSTER, limit)
    used = {node.name: fakes[node.name] for node in involved(CLUSTER, nodes)}
    try:
        return reset(
            CLUSTER,
            nodes,
            used,
            foreign=foreign,
            confirm=lambda _reset_plan: yes,
            tell=silent,
            policy=policy,
        )
    finally:
        for fake in used.values():
            fake.close()


def plan(fakes: dict[str, FakeHost], *limit: str) -> ResetPlan:
    nodes: tuple[Node, ...] = chosen(CLUSTER, limit)
    return make_plan(CLUSTER, nodes, fakes, foreign=False)


def test_all_hosts_are_bare_again_and_the_second_run_does_nothing() -> None:
    fakes = installed()
    assert run(fakes)
    assert all(is_bare(host) for host in fakes.values())
    before = {name: host.operations for name, host in fakes.items()}
    assert run(fakes)
    assert all(host.operations - before[name] == 2 for name, host in fakes.items())
    assert plan(fakes).plan.empty


def test_agents_go_before_the_server_and_the_record_goes_last() -> None:
    reset_plan = plan(installed())
    assert [phase.name for phase in reset_plan.plan.phases if phase.steps] == ["agents", "servers"]
    for node in CLUSTER.nodes:
        words = [step.describe() for step in reset_plan.plan.steps_of(node.name)]
        assert words[0].startswith("stop and disable k3s")
        assert words[-1] == "remove edgeboot's own /var/lib/edgeboot"


def test_one_agent_goes_and_the_cluster_forgets_it() -> None:
    fakes = installed()
    reset_plan = plan(fakes, "agent-1")
    assert [s.describe() for s in reset_plan.plan.steps_of("server-1")] == [
        "remove from the cluster: agent-1"
    ]
    assert run(fakes, "agent-1")
    assert is_bare(fakes["agent-1"])
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-2"}
    assert fakes["server-1"].units == {"k3s": "active"}
    assert fakes["agent-2"].units == {"k3s-agent": "active"}


def test_declining_leaves_hosts_alone() -> None:
    fakes = installed()
    before = {name: dict(host.files) for name, host in fakes.items()}
    assert not run(fakes, yes=False)
    assert {name: dict(host.files) for name, host in fakes.items()} == before


def test_a_foreign_k3s_is_refused_on_all_hosts_unless_asked_for() -> None:
    fakes = installed()
    fakes["agent-2"] = FakeHost("agent-2", fakes["server-1"].cluster)
    fakes["agent-2"].files["/usr/local/bin/k3s"] = FakeFile(0o755, b"\x7fELF")
    with pytest.raises(FleetError, match="not installed by edgeboot") as caught:
        run(fakes)
    assert isinstance(caught.value.errors["agent-2"], Refused)
    assert fakes["server-1"].units
    assert fakes["agent-1"].units
    assert run(fakes, foreign=True)
    assert all(is_bare(host) for host in fakes.values())


def test_a_link_to_what_others_need_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fakes = installed()
    remains = Remains(astray={"/var/lib/rancher/k3s": "it leads to /, which belongs to the system"})
    monkeypatch.setattr("edgeboot.lifecycle.reset.survey", lambda _transport: remains)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    refusal = caught.value.errors["server-1"]
    assert isinstance(refusal, Refused)
    assert "cannot remove what is in /var/lib/rancher/k3s: it leads to /" in str(refusal)
    assert "ls -ld /var/lib/rancher/k3s" in str(refusal)
    assert all(host.units for host in fakes.values())


def test_a_server_does_not_go_while_agents_stay() -> None:
    with pytest.raises(Refused, match="last server cannot be reset while other nodes"):
        chosen(CLUSTER, ["server-1"])
    with pytest.raises(BadInput, match="agent-9"):
        chosen(CLUSTER, ["agent-9"])


def operations_of_a_clean_run() -> dict[str, range]:
    fakes = installed()
    first = {name: host.operations for name, host in fakes.items()}
    run(fakes)
    return {name: range(first[name], host.operations) for name, host in fakes.items()}


CUTS = [
    (name, at, after)
    for name, numbers in operations_of_a_clean_run().items()
    for at in numbers
    for after in (False, True)
]


@pytest.mark.parametrize(("name", "at", "after"), CUTS)
def test_one_rerun_converges_after_a_cut_at_any_operation(name: str, at: int, after: bool) -> None:
    fakes = installed()
    fakes[name].fault = Fault(at, after)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    assert isinstance(caught.value.errors[name], Unreachable)
    fakes[name].fault = None
    assert run(fakes)
    assert all(is_bare(host) for host in fakes.values())


@pytest.mark.parametrize(("name", "at", "after"), CUTS)
def test_the_same_run_resumes_after_a_cut(name: str, at: int, after: bool) -> None:
    fakes = installed()
    fakes[name].fault = Fault(at, after)
    assert run(fakes, policy=replace(DEFAULT_POLICY, patience=60.0, sleep=lambda _seconds: None))
    assert all(is_bare(host) for host in fakes.values())


def test_what_stays_after_both_rounds_is_an_error() -> None:
    fakes = installed()
    clear = fakes["agent-1"]._clear

    def keeping_files(kind: str, items: tuple[str, ...]) -> None:
        clear(kind, () if kind == "paths" else items)

    fakes["agent-1"]._clear = keeping_files  # type: ignore[method-assign]
    with pytest.raises(FleetError, match="after the reset: remove /") as caught:
        run(fakes)
    assert list(caught.value.errors) == ["agent-1"]
    assert fakes["server-1"].units == {"k3s": "active"}
    assert is_bare(fakes["agent-2"])


def test_a_clean_run_has_enough_operations_to_cut() -> None:
    assert len(CUTS) > 30
