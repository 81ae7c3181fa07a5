"""The whole install on fake hosts: convergence, and a cut link at every single operation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused, StepFailed, Unreachable
from edgeboot.events import silent
from edgeboot.lifecycle.install.run import install, make_plan
from edgeboot.plan.plan import Plan
from edgeboot.plan.steps import Start, Write
from edgeboot.transport.fake.host import Fault
from tests.support.small_cluster import BUNDLE, CLUSTER, cuts, hosts, run, state


def test_bare_hosts_become_a_cluster() -> None:
    fakes = hosts()
    result = run(fakes)
    assert not result.plan.empty
    assert result.kubeconfig is not None
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-1", "agent-2"}
    assert fakes["agent-1"].files["/etc/rancher/k3s/edgeboot-token"].data.startswith(b"K10")
    assert fakes["agent-1"].files["/etc/rancher/k3s/edgeboot-token"].mode == 0o600


def test_the_second_run_does_nothing_in_two_execs() -> None:
    fakes = hosts()
    run(fakes)
    starts = {name: host.starts for name, host in fakes.items()}
    before = {name: host.execs for name, host in fakes.items()}
    assert run(fakes).plan.empty
    assert {name: host.starts for name, host in fakes.items()} == starts
    assert all(host.execs - before[name] <= 2 for name, host in fakes.items())


def test_the_plan_says_what_is_not_known_yet() -> None:
    plan = make_plan(CLUSTER, BUNDLE, hosts())
    words = [step.describe() for step in plan.steps_of("agent-1")]
    assert any("(known after server-1 is up)" in word for word in words)


def test_planning_changes_nothing() -> None:
    fakes = hosts()
    make_plan(CLUSTER, BUNDLE, fakes)
    assert all(host.operations == 1 and not host.files for host in fakes.values())


def test_a_label_changes_one_node_only() -> None:
    fakes = hosts()
    run(fakes)
    first, agent, last = CLUSTER.nodes
    changed = replace(CLUSTER, nodes=(first, replace(agent, labels={"zone": "a"}), last))
    plan = make_plan(changed, BUNDLE, fakes)
    assert plan.steps_of("server-1") == plan.steps_of("agent-2") == ()
    steps = plan.steps_of("agent-1")
    assert [type(s).__name__ for s in steps] == ["Write", "Write", "Start"]
    written = [step.path for step in steps if isinstance(step, Write)]
    assert written == ["/var/lib/edgeboot/node.json", "/etc/rancher/k3s/config.yaml"]


def test_an_added_agent_touches_no_other_host() -> None:
    fakes = hosts()
    run(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:2]))
    plan = make_plan(CLUSTER, BUNDLE, fakes)
    assert plan.steps_of("server-1") == plan.steps_of("agent-1") == ()
    assert any(isinstance(step, Start) for step in plan.steps_of("agent-2"))


def test_declining_the_plan_leaves_hosts_alone() -> None:
    fakes = hosts()
    result = install(CLUSTER, BUNDLE, fakes, confirm=lambda _p: False, tell=silent, patience=0.0)
    assert not result.confirmed
    assert not any(host.files or host.locked for host in fakes.values())


def test_a_locked_host_is_refused_and_the_others_are_released() -> None:
    fakes = hosts()
    fakes["agent-1"].locked = True
    with pytest.raises(FleetError) as caught:
        install(CLUSTER, BUNDLE, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert isinstance(caught.value.errors["agent-1"], Refused)
    assert "another operator" in str(caught.value)
    assert not fakes["server-1"].locked
    assert not fakes["server-1"].files


def test_another_architecture_is_refused_before_any_write() -> None:
    fakes = hosts()
    fakes["agent-2"].machine = "aarch64"
    with pytest.raises(FleetError, match="the host is arm64") as caught:
        run(fakes)
    assert caught.value.exit_code == 5
    assert not any(host.files for host in fakes.values())


def test_a_damaged_bundle_is_found_before_any_write() -> None:
    def damaged() -> None:
        raise Refused("damaged")

    fakes = hosts()
    bundle = replace(BUNDLE, check=damaged)
    with pytest.raises(Refused):
        install(CLUSTER, bundle, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert not any(host.files or host.locked for host in fakes.values())
    run(fakes)
    result = install(CLUSTER, bundle, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert result.plan.empty  # nothing to send, so nothing to check


def test_another_k3s_version_is_refused_naming_both() -> None:
    fakes = hosts()
    run(fakes)
    fakes["agent-1"].cluster.version = "v1.35.0+k3s1"
    with pytest.raises(FleetError, match=r"runs K3s v1\.35\.0\+k3s1, but the bundle has v1\.36\.2"):
        run(fakes)


def test_a_gate_that_never_holds_says_what_it_waited_for() -> None:
    fakes = hosts()
    fakes["server-1"].cluster.images = {"docker.io/another:1": "sha256:" + "b" * 64}
    with pytest.raises(FleetError, match="1 of 1 images are not imported yet") as caught:
        run(fakes)
    assert all(isinstance(error, StepFailed) for error in caught.value.errors.values())


@pytest.mark.parametrize(("name", "at", "after"), cuts())
def test_one_rerun_converges_after_a_cut_at_any_operation(name: str, at: int, after: bool) -> None:
    whole = hosts()
    run(whole)
    fakes = hosts()
    fakes[name].fault = Fault(at, after)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    assert isinstance(caught.value.errors[name], Unreachable)
    fakes[name].fault = None
    run(fakes)
    assert state(fakes) == state(whole)
    plan: Plan = make_plan(CLUSTER, BUNDLE, fakes)
    assert plan.empty


def test_a_clean_run_has_enough_operations_to_cut() -> None:
    assert len(cuts()) > 60
