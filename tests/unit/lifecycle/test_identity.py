"""Hosts and Nodes are matched by what they are, on fake hosts: nobody joins twice or by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.events import silent
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.expectations import cluster_expectation, expectations
from edgeboot.lifecycle.install.run import make_plan, preflight
from edgeboot.lifecycle.reset import chosen, involved, reset
from edgeboot.lifecycle.status import ClusterReport, report
from edgeboot.plan.findings import Severity
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.plan import Plan
from edgeboot.report.plan import plan_json, plan_lines
from edgeboot.report.status import status_lines
from edgeboot.transport.base import NoChannel
from edgeboot.transport.fake.host import FakeHost
from tests.support import several_servers
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts, run

FORGET = InstallOptions(forget_node_passwords=True)


def installed() -> dict[str, FakeHost]:
    fakes = hosts()
    run(fakes)
    for node in CLUSTER.nodes:
        fakes[node.name].cluster.joined[node.name].address = node.address
    return fakes


def listing(**names: str) -> Cluster:
    """The inventory with some of its nodes under other names."""
    changed = {old.replace("_", "-"): new for old, new in names.items()}
    nodes = tuple(replace(n, name=changed.get(n.name, n.name)) for n in CLUSTER.nodes)
    return replace(CLUSTER, nodes=nodes)


def reached(fakes: dict[str, FakeHost], cluster: Cluster) -> dict[str, FakeHost]:
    """The hosts by the names of an inventory, at the addresses that it has."""
    at = {node.address: fakes[node.name] for node in CLUSTER.nodes}
    return {node.name: at[node.address] for node in cluster.nodes}


def plan(
    fakes: dict[str, FakeHost],
    cluster: Cluster = CLUSTER,
    options: InstallOptions = InstallOptions(),  # noqa: B008 - frozen
) -> Plan:
    return make_plan(cluster, BUNDLE, {n.name: fakes[n.name] for n in cluster.nodes}, options)


def refused(fakes: dict[str, FakeHost], cluster: Cluster) -> dict[str, str]:
    """What speaks against an install, which leaves every host and the cluster as they are."""
    before = {name: (dict(h.files), h.starts) for name, h in fakes.items()}
    with pytest.raises(FleetError) as caught:
        run(fakes, cluster)
    assert caught.value.exit_code == 5
    assert {name: (dict(h.files), h.starts) for name, h in fakes.items()} == before
    return {name: str(error) for name, error in caught.value.errors.items()}


def shown(found: Plan) -> str:
    return "\n".join(plan_lines(found))


def test_a_node_removed_from_the_inventory_is_named() -> None:
    fakes = installed()
    rest = replace(CLUSTER, nodes=CLUSTER.nodes[:2])
    found = plan(fakes, rest)
    assert found.empty
    text = shown(found)
    assert "agent-2: it is in the cluster (Ready, 192.0.2.22), but not in the inventory" in text
    assert "edgeboot reset --limit agent-2" in text
    assert "edgeboot ssh server-1 sudo k3s kubectl delete node agent-2" in text
    assert plan_json(found)["remarks"][0]["node"] == "agent-2"
    assert run(fakes, rest).plan.remarks == found.remarks


def test_a_node_that_only_has_no_part_in_the_run_is_not() -> None:
    assert plan(installed(), CLUSTER.without({"agent-2"})).remarks == ()


def test_a_renamed_agent_is_the_same_host() -> None:
    fakes, cluster = installed(), listing(agent_2="kitchen")
    errors = refused(reached(fakes, cluster), cluster)
    assert set(errors) == {"kitchen"}
    assert "this host runs as agent-2" in errors["kitchen"]
    assert "change its name back to agent-2" in errors["kitchen"]
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-1", "agent-2"}


def test_a_renamed_agent_whose_node_was_deleted_gets_its_new_name() -> None:
    fakes, cluster = installed(), listing(agent_2="kitchen")
    del fakes["server-1"].cluster.joined["agent-2"]
    run(reached(fakes, cluster), cluster)
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-1", "kitchen"}


def test_swapped_names_are_refused_naming_both() -> None:
    fakes, cluster = installed(), listing(agent_1="agent-2", agent_2="agent-1")
    errors = refused(reached(fakes, cluster), cluster)
    assert "agent-2 and agent-1 are swapped: this host (192.0.2.21) runs as agent-1" in str(errors)
    assert set(errors) == {"agent-1", "agent-2"}


def test_a_swapped_host_is_refused_alone_as_well() -> None:
    fakes, cluster = installed(), listing(agent_1="agent-2", agent_2="agent-1")
    alone = cluster.without({"agent-1"})
    errors = refused(reached(fakes, alone), alone)
    assert "this host (192.0.2.21) runs as agent-1" in errors["agent-2"]


def test_another_host_at_a_new_address_does_not_take_a_name() -> None:
    fakes = installed()
    fakes["agent-2"] = newcomer(fakes)
    cluster = at_another_address()
    errors = refused(fakes, cluster)
    assert set(errors) == {"agent-2"}
    assert "another host as agent-2 at 192.0.2.22, and it is Ready" in errors["agent-2"]
    with pytest.raises(FleetError, match="it is Ready"):
        plan(fakes, cluster, FORGET)


def test_it_may_replace_one_that_is_off_if_that_is_asked_for() -> None:
    fakes = installed()
    fakes["server-1"].cluster.joined["agent-2"].ready = False
    fakes["agent-2"] = newcomer(fakes)
    errors = refused(fakes, at_another_address())
    assert "the cluster knows another host as agent-2" in errors["agent-2"]
    assert not plan(fakes, at_another_address(), FORGET).empty


def newcomer(fakes: dict[str, FakeHost]) -> FakeHost:
    found = FakeHost("agent-2", fakes["server-1"].cluster)
    found.board.machine_id = "f" * 32
    return found


def at_another_address() -> Cluster:
    *rest, last = CLUSTER.nodes
    return replace(CLUSTER, nodes=(*rest, replace(last, address="192.0.2.99")))


def test_the_same_host_at_a_new_address_is_no_matter() -> None:
    assert plan(installed(), at_another_address()).empty


def test_a_changed_hostname_is_no_matter() -> None:
    fakes = installed()
    fakes["agent-1"].board.hostname = "raspberrypi"
    assert plan(fakes).empty


def test_two_entries_for_one_host_are_refused() -> None:
    fakes = hosts()
    for name in ("agent-1", "agent-2"):
        fakes[name].board.system = "net:[4026531840]"
    errors = refused(fakes, CLUSTER)
    assert "agent-1 (192.0.2.21) and agent-2 (192.0.2.22) are the same host" in errors["agent-1"]


def test_an_api_that_does_not_answer_is_said_once_and_refuses_nobody() -> None:
    fakes = installed()
    server = fakes["server-1"]
    server.open_channel = lambda *_args, **_more: NoChannel("Connection refused")  # type: ignore[method-assign]
    found = plan(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:2]))
    assert [remark.node for remark in found.remarks] == [""]
    assert "cannot tell whether the cluster has other nodes" in shown(found)


def test_a_first_install_asks_nobody() -> None:
    fakes = hosts()
    assert plan(fakes).remarks == ()
    assert not any(fake.channels for fake in fakes.values())


def test_a_host_of_another_cluster_is_said_to_be_one_whatever_its_name() -> None:
    fakes, other = installed(), installed()
    stranger = other["agent-1"]
    stranger.files["/var/lib/rancher/k3s/agent/server-ca.crt"].data = b"another CA"
    errors = refused({**fakes, "agent-2": stranger}, CLUSTER)
    assert "belongs to another cluster" in errors["agent-2"]


def status(fakes: dict[str, FakeHost], cluster: Cluster) -> ClusterReport:
    return report(cluster, fakes, {}, now=1_790_000_000)


def test_status_names_a_node_removed_from_the_inventory() -> None:
    fakes = installed()
    gone = fakes.pop("agent-2")
    gone.units.clear()
    found = status(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:2]))
    assert [one.node for one in found.unlisted] == ["agent-2"]
    assert found.exit_code == 1
    text = "\n".join(status_lines(found))
    assert "agent-2: it is in the cluster" in text
    assert "[unlisted-node]" in text


def test_status_names_hosts_that_are_other_nodes() -> None:
    cluster = listing(agent_1="agent-2", agent_2="agent-1")
    found = status(reached(installed(), cluster), cluster)
    whys = {node.name: (node.why, node.ready, node.error_id) for node in found.nodes}
    assert whys["agent-1"] == ("this host runs as agent-2", None, "other-node")
    assert whys["agent-2"] == ("this host runs as agent-1", None, "other-node")
    assert found.unlisted == ()


def test_status_of_a_renamed_node_names_it_once() -> None:
    cluster = listing(agent_2="kitchen")
    found = status(reached(installed(), cluster), cluster)
    assert found.nodes[2].why == "this host runs as agent-2"
    assert found.unlisted == ()


def test_status_does_not_take_a_new_host_for_the_node_that_is_ready() -> None:
    fakes = installed()
    fakes["agent-2"] = newcomer(fakes)
    node = status(fakes, at_another_address()).nodes[2]
    assert node.why == "the cluster has another host as agent-2 at 192.0.2.22"
    assert node.ready is None


def test_verify_expects_a_host_to_be_its_node() -> None:
    cluster = listing(agent_2="kitchen")
    fakes = reached(installed(), cluster)
    found = {one.node: one for one in expectations(cluster, BUNDLE, fakes)}
    assert (found["kitchen"].runs_as, found["agent-1"].runs_as) == ("agent-2", "agent-1")
    assert found["kitchen"].machine_id == fakes["kitchen"].board.machine_id
    whole = cluster_expectation(cluster.without({"agent-1"}), BUNDLE)
    assert whole.nodes == {"server-1", "agent-1", "kitchen"}


def clear(fakes: dict[str, FakeHost], cluster: Cluster, *limit: str, foreign: bool = False) -> None:
    nodes = chosen(cluster, limit)
    used = {node.name: fakes[node.name] for node in involved(cluster, nodes)}
    try:
        assert reset(cluster, nodes, used, foreign=foreign, confirm=lambda _plan: True, tell=silent)
    finally:
        for fake in used.values():
            fake.close()


def joined(fakes: dict[str, FakeHost]) -> set[str]:
    return set(fakes["server-1"].cluster.joined)


def test_a_reset_of_a_renamed_host_deletes_the_node_that_it_is() -> None:
    cluster = listing(agent_2="kitchen")
    fakes = reached(installed(), cluster)
    clear(fakes, cluster, "kitchen")
    assert joined(fakes) == {"server-1", "agent-1"}
    run(fakes, cluster)
    assert joined(fakes) == {"server-1", "agent-1", "kitchen"}
    assert plan(fakes, cluster).remarks == ()


def test_a_reset_under_a_swapped_name_is_refused() -> None:
    cluster = listing(agent_1="agent-2", agent_2="agent-1")
    fakes = reached(installed(), cluster)
    with pytest.raises(FleetError, match="this host runs as agent-1, which stays"):
        clear(fakes, cluster, "agent-2")
    assert joined(fakes) == {"server-1", "agent-1", "agent-2"}
    clear(fakes, cluster, "agent-1", "agent-2")
    assert joined(fakes) == {"server-1"}


def test_a_cloned_card_is_cleared_without_the_node_that_it_was_cloned_from() -> None:
    fakes = installed()
    clone = newcomer(fakes)
    clone.files, clone.owned = dict(fakes["agent-1"].files), set(fakes["agent-1"].owned)
    fakes["agent-2"] = clone
    errors = refused(fakes, CLUSTER)
    assert "runs as agent-1, and so does the host of agent-1: a cloned card" in errors["agent-2"]
    clear(fakes, CLUSTER, "agent-2", foreign=True)
    assert "agent-1" in joined(fakes)
    assert not clone.files


@pytest.mark.parametrize("foreign", [False, True])
def test_a_reset_of_a_new_host_does_not_delete_the_node_of_another(foreign: bool) -> None:
    fakes = installed()
    fakes["agent-2"] = newcomer(fakes)
    if foreign:
        clear(fakes, at_another_address(), "agent-2", foreign=True)
    else:
        with pytest.raises(FleetError, match=r"another host at 192\.0\.2\.22 works as agent-2"):
            clear(fakes, at_another_address(), "agent-2")
    assert "agent-2" in joined(fakes)


OTHER_NAME = replace(CLUSTER, name="office")
RECORD = "/var/lib/edgeboot/cluster"


def test_a_renamed_cluster_is_said_and_nothing_restarts() -> None:
    fakes = installed()
    found = plan(fakes, OTHER_NAME)
    assert [(name, step.describe()) for name, step in found.steps] == [
        (node.name, f"change {RECORD} (0600)") for node in CLUSTER.nodes
    ]
    assert "the cluster's name on its hosts is edge, and in the inventory office" in shown(found)
    starts = {name: fake.starts for name, fake in fakes.items()}
    run(fakes, OTHER_NAME)
    assert {name: fake.starts for name, fake in fakes.items()} == starts
    again = plan(fakes, OTHER_NAME)
    assert (again.empty, again.remarks) == (True, ())


def test_a_copied_inventory_does_not_take_another_clusters_server() -> None:
    fakes = installed()
    copied = {**fakes, "agent-1": newcomer(fakes), "agent-2": newcomer(fakes)}
    errors = refused(copied, OTHER_NAME)
    assert set(errors) == {"agent-1", "agent-2"}


def test_a_host_of_another_cluster_is_named_with_that_cluster() -> None:
    fakes, other = installed(), hosts()
    run(other, OTHER_NAME)
    other["agent-1"].files["/var/lib/rancher/k3s/agent/server-ca.crt"].data = b"another CA"
    errors = refused({**fakes, "agent-1": other["agent-1"]}, CLUSTER)
    assert "this host belongs to another cluster (office)" in errors["agent-1"]


@pytest.mark.parametrize("said", [None, b"../../etc\n", b"x" * 200, b"\x1b[2J\n"])
def test_hosts_without_a_good_record_go_on_without_noise(said: bytes | None) -> None:
    fakes = installed()
    for fake in fakes.values():
        if said is None:
            del fake.files[RECORD]
        else:
            fake.files[RECORD].data = said
    for cluster in (CLUSTER, OTHER_NAME):
        found = plan(fakes, cluster)
        assert (found.empty, found.remarks) == (True, ())


def test_preflight_names_a_host_of_another_cluster_too() -> None:
    fakes = installed()
    fakes["agent-1"].files["/var/lib/rancher/k3s/agent/server-ca.crt"].data = b"another CA"
    found = preflight(CLUSTER, BUNDLE, fakes, InstallOptions())
    assert found.exit_code == 5
    (one,) = (f for f in found.findings["agent-1"] if f.severity is Severity.REFUSE)
    assert "belongs to another cluster" in one.what


def servers_as(**names: str) -> tuple[dict[str, FakeHost], Cluster]:
    """Three servers and two agents, installed, and an inventory with some under other names."""
    fakes = several_servers.hosts()
    several_servers.run(fakes)
    changed = {old.replace("_", "-"): new for old, new in names.items()}
    nodes = several_servers.CLUSTER.nodes
    found = replace(
        several_servers.CLUSTER,
        nodes=tuple(replace(node, name=changed.get(node.name, node.name)) for node in nodes),
    )
    return {changed.get(name, name): fake for name, fake in fakes.items()}, found


def test_swapped_servers_are_refused_and_keep_their_quorum() -> None:
    fakes, cluster = servers_as(server_2="server-3", server_3="server-2")
    with pytest.raises(FleetError) as caught:
        several_servers.run(fakes, cluster)
    assert set(caught.value.errors) == {"server-2", "server-3"}
    assert "server-2 and server-3 are swapped" in str(caught.value)


def test_a_server_and_an_agent_that_are_swapped_are_refused_as_such() -> None:
    fakes, cluster = servers_as(server_3="agent-1", agent_1="server-3")
    with pytest.raises(FleetError) as caught:
        make_plan(cluster, BUNDLE, {node.name: fakes[node.name] for node in cluster.nodes})
    assert "agent-1 and server-3 are swapped" in str(caught.value)


def test_a_renamed_server_is_refused_and_its_reset_takes_its_old_member_out() -> None:
    fakes, cluster = servers_as(server_3="cellar")
    with pytest.raises(FleetError, match="this host runs as server-3"):
        several_servers.run(fakes, cluster)
    clear(fakes, cluster, "cellar")
    assert "server-3" not in joined(fakes)
    several_servers.run(fakes, cluster)
    assert {"server-1", "server-2", "cellar"} <= joined(fakes)


def test_status_does_not_take_a_host_of_another_cluster_for_the_node_of_its_name() -> None:
    fakes, other = installed(), installed()
    stranger = other["agent-1"]
    stranger.board.machine_id = "f" * 32
    node = status({**fakes, "agent-1": stranger}, CLUSTER).nodes[1]
    assert node.why == "the cluster has another host as agent-1 at 192.0.2.21"
