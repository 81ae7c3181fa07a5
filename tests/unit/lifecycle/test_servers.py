"""Several servers on fake hosts: who begins, who joins where and when, who may be restarted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused
from edgeboot.inventory.model import Cluster, Datastore, DatastoreKind, Node
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.plan.options import InstallOptions
from edgeboot.secret import Secret
from edgeboot.transport.fake.host import FakeHost, Fault
from tests.support.several_servers import (
    AGENT_TOKEN,
    CLUSTER,
    NAMES,
    TOKEN,
    config,
    hosts,
    impatient,
    inventory,
    run,
    some,
    starts,
    unreachable,
)
from tests.support.small_cluster import BUNDLE, state


def test_three_servers_and_two_agents_become_a_cluster() -> None:
    fakes = hosts()
    result = run(fakes)
    shared = fakes["server-1"].cluster
    assert set(shared.joined) == set(NAMES)
    assert all(shared.joined[name].voter for name in NAMES[:3])
    assert result.kubeconfig is not None
    assert starts(result) == ["server-1", "server-2", "server-3", "agent-1", "agent-2"]


def test_there_is_never_more_than_one_learner() -> None:
    fakes = hosts()
    run(fakes)
    assert fakes["server-1"].cluster.most_learners == 1


def test_the_first_begins_and_the_others_join_it() -> None:
    fakes = hosts()
    run(fakes)
    assert "cluster-init: true" in config(fakes, "server-1")
    assert "server:" not in config(fakes, "server-1")
    for name in NAMES[1:]:
        assert 'server: "https://192.0.2.11:6443"' in config(fakes, name)
        assert "cluster-init" not in config(fakes, name)


def test_agents_get_no_token_of_servers() -> None:
    fakes = hosts()
    run(fakes)
    theirs = fakes["agent-1"].files[TOKEN].data
    servers = fakes["server-2"].files[TOKEN].data
    password = fakes["server-1"].files[AGENT_TOKEN].data
    assert servers == fakes["server-1"].cluster.node_token
    assert theirs == servers.partition(b"::")[0] + b"::node:" + password
    assert fakes["server-3"].files[AGENT_TOKEN].data == password
    assert all(fakes[n].files[TOKEN].mode == 0o600 for n in NAMES)
    assert AGENT_TOKEN not in fakes["agent-1"].files


def test_the_second_run_does_nothing_in_two_execs() -> None:
    fakes = hosts()
    run(fakes)
    before = {name: host.execs for name, host in fakes.items()}
    assert run(fakes).plan.empty
    assert all(host.execs - before[name] <= 2 for name, host in fakes.items())


def operations_of_a_clean_run() -> dict[str, int]:
    fakes = hosts()
    run(fakes)
    return {name: host.operations for name, host in fakes.items()}


CUTS = [
    (name, at, after)
    for name, count in operations_of_a_clean_run().items()
    if name in {"server-1", "server-2", "agent-1"}  # what a third server does is the same
    for at in range(count)
    for after in (False, True)
]


@pytest.mark.parametrize(("name", "at", "after"), CUTS)
def test_one_rerun_converges_after_a_cut_at_any_operation(name: str, at: int, after: bool) -> None:
    whole = hosts()
    run(whole)
    fakes = hosts()
    fakes[name].fault = Fault(at, after)
    with pytest.raises(FleetError):
        run(fakes, policy=impatient(patience=0.0, attempts=1))
    fakes[name].fault = None
    run(fakes)
    assert state(fakes) == state(whole)
    assert fakes["server-1"].cluster.most_learners == 1
    assert make_plan(CLUSTER, BUNDLE, fakes).empty


def test_a_second_server_makes_etcd_of_sqlite() -> None:
    """The first one is restarted with cluster-init, then joined."""
    fakes = hosts()
    alone = replace(inventory("server-1", "agent-1"), datastore=Datastore())
    run(fakes, alone)
    assert "cluster-init" not in config(fakes, "server-1")
    result = run(fakes)
    assert starts(result) == ["server-1", "server-2", "server-3", "agent-2"]
    assert "cluster-init: true" in config(fakes, "server-1")
    assert all(fakes["server-1"].cluster.joined[name].voter for name in NAMES[:3])


def test_a_cluster_whose_agents_have_the_servers_token_converges() -> None:
    fakes = hosts()
    run(fakes)
    for name in ("agent-1", "agent-2"):
        fakes[name].files[TOKEN].data = fakes["server-2"].files[TOKEN].data
        fakes[name].started_with["k3s-agent"] = "with that"
    result = run(fakes)
    assert starts(result) == ["agent-1", "agent-2"]
    assert b"::node:" in fakes["agent-1"].files[TOKEN].data


def token_options() -> InstallOptions:
    return InstallOptions(new_agent_token=True)


def test_a_new_agent_token_reaches_servers_then_agents() -> None:
    fakes = hosts()
    run(fakes)
    before = fakes["agent-1"].files[TOKEN].data
    servers = fakes["server-2"].files[TOKEN].data
    assert starts(run(fakes, options=token_options())) == list(NAMES)
    password = fakes["server-1"].files[AGENT_TOKEN].data
    assert before != fakes["agent-1"].files[TOKEN].data
    assert fakes["agent-1"].files[TOKEN].data.endswith(b"::node:" + password)
    assert {fakes[name].files[AGENT_TOKEN].data for name in NAMES[:3]} == {password}
    assert fakes["server-2"].files[TOKEN].data == servers
    assert run(fakes).plan.empty


@pytest.mark.parametrize("name", ["server-1", "server-2", "agent-1"])
def test_a_change_of_the_agent_token_that_was_cut_is_finished(name: str) -> None:
    """Without the option again: the server that is joined has the new one."""
    fakes = hosts()
    run(fakes)
    first = fakes[name].operations
    run(fakes, options=token_options())
    for at in range(first, fakes[name].operations):
        fakes = hosts()
        run(fakes)
        fakes[name].fault = Fault(at)
        with pytest.raises(FleetError):
            run(fakes, options=token_options(), policy=impatient(patience=0.0, attempts=1))
        fakes[name].fault = None
        run(fakes)
        password = fakes["server-1"].files[AGENT_TOKEN].data
        assert {fakes[n].files[AGENT_TOKEN].data for n in NAMES[:3]} == {password}
        assert fakes["agent-2"].files[TOKEN].data.endswith(password)
        assert make_plan(CLUSTER, BUNDLE, fakes).empty


def test_members_that_are_down_are_started_together() -> None:
    """One alone would wait for a quorum that its successor only makes."""
    fakes = hosts()
    run(fakes)
    for name in ("server-2", "server-3"):
        fakes[name].units["k3s"] = "inactive"
    plan = make_plan(CLUSTER, BUNDLE, fakes)
    (phase,) = [phase for phase in plan.phases if phase.steps]
    assert phase.name == "servers that are down"
    assert set(phase.steps) == {"server-2", "server-3"}


def test_a_first_server_without_its_data_joins_the_others() -> None:
    """It must not begin a second cluster beside the one that is there."""
    fakes = hosts()
    run(fakes)
    shared = fakes["server-1"].cluster
    fakes["server-1"] = FakeHost("server-1", shared)
    result = run(fakes, options=InstallOptions(forget_node_passwords=True))
    assert 'server: "https://192.0.2.12:6443"' in config(fakes, "server-1")
    assert "cluster-init" not in config(fakes, "server-1")
    assert starts(result) == ["server-1"]
    assert run(fakes).plan.empty


def test_a_changed_setting_restarts_one_server_after_the_other() -> None:
    fakes = hosts()
    run(fakes)
    plan = make_plan(replace(CLUSTER, config={"disable": ("traefik",)}), BUNDLE, fakes)
    names = [(p.name, set(p.steps)) for p in plan.phases if p.steps]
    assert names == [
        ("first server", {"server-1"}),
        ("server server-2", {"server-2"}),
        ("server server-3", {"server-3"}),
    ]


def test_no_server_is_restarted_when_that_would_cost_the_quorum() -> None:
    fakes = hosts()
    run(fakes)
    shared = fakes["server-1"].cluster
    shared.joined["server-3"].ready = False
    before = {name: host.starts for name, host in fakes.items()}
    with pytest.raises(FleetError, match=r"would cost the cluster its quorum.*server-3 is down"):
        run(fakes, replace(CLUSTER, config={"disable": ("traefik",)}))
    assert {name: host.starts for name, host in fakes.items()} == before


def test_nobody_joins_while_a_server_is_down() -> None:
    fakes = hosts()
    run(fakes, inventory("server-1", "server-2"))
    fakes["server-1"].cluster.joined["server-2"].ready = False
    fakes["server-2"].cluster.joined["server-2"].ready = False
    with pytest.raises(FleetError, match="etcd admits no new member while server-2 is down"):
        run(fakes, some("server-1", "server-3"))
    assert "server-3" not in fakes["server-1"].cluster.joined


def test_servers_with_a_datastore_elsewhere_share_a_token_only() -> None:
    endpoint = Secret(b"mysql://k3s:s3cret@tcp(192.0.2.5)/k3s")
    cluster = replace(CLUSTER, datastore=Datastore(DatastoreKind.EXTERNAL, endpoint))
    fakes = hosts()
    plan = make_plan(cluster, BUNDLE, fakes)
    said = [f"{step.describe()} {step}" for _, step in plan.steps]
    assert not any("s3cret" in words for words in said)
    run(fakes, cluster)
    assert set(fakes["server-1"].cluster.joined) == set(NAMES)
    for name in NAMES[:3]:
        file = fakes[name].files["/etc/systemd/system/k3s.service.env"]
        assert (file.mode, b"K3S_DATASTORE_ENDPOINT='mysql://k3s:s3cret@" in file.data) == (
            0o600,
            True,
        )
        assert "cluster-init" not in config(fakes, name)
        assert "s3cret" not in config(fakes, name)
    assert run(fakes, cluster).plan.empty


def test_one_of_two_is_restarted_only_while_the_other_is_well() -> None:
    two = inventory("server-1", "server-2")
    fakes = hosts()
    run(fakes, two)
    changed = replace(two, config={"disable": ("traefik",)})
    fakes["server-1"].cluster.joined["server-2"].ready = False
    with pytest.raises(FleetError, match="quorum"):
        run(fakes, changed)
    fakes["server-1"].cluster.joined["server-2"].ready = True
    assert starts(run(fakes, changed)) == ["server-1", "server-2"]


def test_agents_join_while_the_first_server_is_off() -> None:
    fakes = hosts()
    run(fakes, inventory(*NAMES[:4]))
    starts_before = {name: host.starts for name, host in fakes.items()}
    unreachable(fakes["server-1"])
    result = run(fakes, policy=impatient(skip_unreachable=True))
    assert set(result.lost) == {"server-1"}
    assert 'server: "https://192.0.2.12:6443"' in config(fakes, "agent-2")
    # The others keep what they have: nothing is restarted because of one that is off.
    after = {name: host.starts - starts_before[name] for name, host in fakes.items()}
    assert after == {**dict.fromkeys(NAMES, 0), "agent-2": 1}
    assert result.kubeconfig is not None


def test_two_of_three_servers_cannot_be_spared() -> None:
    fakes = hosts()
    run(fakes)
    unreachable(fakes["server-1"])
    unreachable(fakes["server-2"])
    with pytest.raises(FleetError, match="no route"):
        run(fakes, policy=impatient(skip_unreachable=True))


def test_no_second_cluster_is_begun_while_a_server_is_away() -> None:
    with pytest.raises(Refused, match="but server-1 may have been"):
        run(hosts(), CLUSTER.without({"server-1"}))


def test_a_vip_is_where_agents_and_certificates_look() -> None:
    fakes = hosts()
    run(fakes, replace(CLUSTER, vip="192.0.2.100"))
    assert 'server: "https://192.0.2.100:6443"' in config(fakes, "agent-1")
    for name in NAMES[:3]:
        assert '  - "192.0.2.100"' in config(fakes, name)
    assert 'server: "https://192.0.2.11:6443"' in config(fakes, "server-2")


def changed(name: str, change: Callable[[Node], Node]) -> Cluster:
    nodes = tuple(change(node) if node.name == name else node for node in CLUSTER.nodes)
    return replace(CLUSTER, nodes=nodes)


def marked(name: str, labels: dict[str, str], *taints: str) -> Cluster:
    return changed(name, lambda node: replace(node, labels=labels, taints=taints))


def test_a_label_that_goes_from_the_inventory_goes_from_the_node() -> None:
    fakes = hosts()
    run(fakes, marked("agent-1", {"a": "1", "b": "2"}))
    node = fakes["server-1"].cluster.joined["agent-1"]
    node.labels["theirs"] = "kept"  # somebody else's
    run(fakes, marked("agent-1", {"b": "2"}))
    assert node.labels == {"b": "2", "theirs": "kept"}
    assert make_plan(marked("agent-1", {"b": "2"}), BUNDLE, fakes).empty


def test_taints_change_on_a_node_that_is_there() -> None:
    fakes = hosts()
    run(fakes, marked("agent-1", {}, "a=1:NoSchedule", "b=1:NoExecute"))
    node = fakes["server-1"].cluster.joined["agent-1"]
    node.taints.add("theirs:NoSchedule")
    now = marked("agent-1", {}, "a=2:NoSchedule", "c=1:NoSchedule")
    run(fakes, now)
    assert node.taints == {"theirs:NoSchedule", "a=2:NoSchedule", "c=1:NoSchedule"}
    assert make_plan(now, BUNDLE, fakes).empty


@pytest.mark.parametrize("name", ["server-1", "agent-1"])
def test_what_is_to_be_taken_off_survives_a_cut_anywhere(name: str) -> None:
    first = marked("agent-1", {"a": "1"}, "a=1:NoSchedule")
    then = marked("agent-1", {"b": "1"}, "b=1:NoSchedule")
    fakes = hosts()
    run(fakes, first)
    before = fakes[name].operations
    run(fakes, then)
    for at in range(fakes[name].operations - before):
        for after in (False, True):
            fakes = hosts()
            run(fakes, first)
            fakes[name].fault = Fault(fakes[name].operations + at, after)
            with pytest.raises(FleetError):
                run(fakes, then, policy=impatient(patience=0.0, attempts=1))
            fakes[name].fault = None
            run(fakes, then)
            node = fakes["server-1"].cluster.joined["agent-1"]
            assert (node.labels, node.taints) == ({"b": "1"}, {"b=1:NoSchedule"})
            assert make_plan(then, BUNDLE, fakes).empty


def test_a_read_only_server_takes_no_labels_off_and_they_are_not_forgotten() -> None:
    fakes = hosts()
    run(fakes, marked("agent-1", {"a": "1"}))
    now = marked("agent-1", {})
    run(fakes, now, policy=impatient(read_only=frozenset(NAMES[:3])))
    node = fakes["server-1"].cluster.joined["agent-1"]
    assert node.labels == {"a": "1"}
    run(fakes, now)
    assert node.labels == {}
