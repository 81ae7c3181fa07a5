"""Which node is which, on hosts: renamed, swapped, replaced, removed, and a renamed cluster."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.fleet import Fleet, refused, stable


def listing(fleet: Fleet, *hosts: str, name: str | None = None, **names: str) -> Path:
    """An inventory of these hosts, some of them under other names, also the cluster's."""
    document = yaml.safe_load(fleet.inventory(*hosts).read_text())
    for node in document["nodes"]:
        node["name"] = names.get(node["name"].replace("-", "_"), node["name"])
    if name:
        document["cluster"]["name"] = name
    path = fleet.work / "listing.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def fleet(bare_module: Fleet) -> Fleet:
    done = bare_module.install(bare_module.inventory("server-1", "agent-1"))
    assert done.code == 0, done.all
    return bare_module


def untouched(fleet: Fleet, inventory: Path, *words: str) -> None:
    """``plan`` and ``install`` refuse, and leave hosts and cluster as they are."""
    before, nodes = stable(fleet), set(fleet.nodes())
    refused(fleet.run("plan", "-i", inventory), *words)
    refused(fleet.install(inventory), *words)
    assert (stable(fleet), set(fleet.nodes())) == (before, nodes)


def checked(fleet: Fleet, inventory: Path) -> dict[str, tuple[str, str]]:
    """How verify's checks of identity end, by node and check."""
    words = ("verify", "-i", inventory, "--only", "health", "--no-pods", "-o", "json")
    done = fleet.run(*words, "-k", "other_nodes or identity")
    assert done.code == 1, done.all
    results = json.loads(done.out)["checks"]
    return {
        f"{r['node']} {r['check']}": (r["outcome"], r["message"])
        for r in results
        if r["outcome"] != "passed"
    }


def test_nothing_is_said_where_every_host_is_its_node(fleet: Fleet) -> None:
    inventory = fleet.inventory("server-1", "agent-1")
    done = fleet.run("plan", "-i", inventory)
    assert (done.code, "unlisted" in done.all) == (0, False), done.all
    done = fleet.run("status", "-i", inventory)
    assert done.code == 0, done.all


def test_a_node_removed_from_the_inventory_is_named(fleet: Fleet) -> None:
    inventory = listing(fleet, "server-1")
    address = fleet.lab.host("agent-1").address
    said = f"agent-1: it is in the cluster (Ready, {address}), but not in the inventory"
    for words in (("plan",), ("install", "--yes"), ("status",)):
        done = fleet.run(words[0], "-i", inventory, *words[1:])
        assert said in done.out, done.all
        assert done.code == (1 if words[0] == "status" else 0), done.all
    assert checked(fleet, inventory) == {
        "cluster other_nodes": ("failed", "not in the inventory: agent-1 (Ready)")
    }


def test_a_renamed_node_is_the_same_host(fleet: Fleet) -> None:
    inventory = listing(fleet, "server-1", "agent-1", agent_1="kitchen")
    untouched(fleet, inventory, "kitchen: this host runs as agent-1", "edgeboot reset -i ")
    done = fleet.run("status", "-i", inventory)
    assert "kitchen: this host runs as agent-1 [other-node]" in done.out, done.all
    found = checked(fleet, inventory)
    assert found["kitchen identity"] == ("failed", "this host runs as agent-1")


def test_another_host_does_not_take_the_name_of_a_member(fleet: Fleet) -> None:
    inventory = listing(fleet, "server-1", "agent-2", agent_2="agent-1")
    address = fleet.lab.host("agent-1").address
    untouched(fleet, inventory, f"the cluster has another host as agent-1 at {address}")
    refused(fleet.install(inventory, "--forget-node-passwords"), "it is Ready")
    done = fleet.run("status", "-i", inventory)
    assert f"agent-1: the cluster has another host as agent-1 at {address}" in done.out, done.all
    words = ("--limit", "agent-1", "--yes", "--confirm", cluster_name(fleet))
    refused(fleet.run("reset", "-i", inventory, *words), f"another host at {address} works")
    assert fleet.nodes() == {"server-1": True, "agent-1": True}


def cluster_name(fleet: Fleet) -> str:
    return str(fleet.base["cluster"]["name"])


@pytest.fixture
def second_address(fleet: Fleet) -> Iterator[str]:
    """Another address of agent-1, for as long as a test takes."""
    address = f"{fleet.lab.host('agent-1').address.rpartition('.')[0]}.199"
    fleet.on("agent-1", f"ip address add {address}/24 dev eth0")
    yield address
    fleet.on("agent-1", f"ip address del {address}/24 dev eth0")


def test_one_host_at_two_addresses_is_one_node(fleet: Fleet, second_address: str) -> None:
    own = fleet.lab.host("agent-1").address
    document = yaml.safe_load(fleet.inventory("server-1", "agent-1").read_text())
    twin = json.loads(json.dumps(document["nodes"][-1]))
    document["nodes"].append({**twin, "name": "agent-9", "address": second_address})
    path = fleet.work / "twice.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    said = f"agent-9 ({second_address}) and agent-1 ({own}) are the same host"
    refused(fleet.run("plan", "-i", path), said)
    untouched(fleet, path, "are the same host")


def test_a_renamed_cluster_is_told_and_nothing_restarts(fleet: Fleet) -> None:
    inventory = listing(fleet, "server-1", "agent-1", name="office")
    done = fleet.run("plan", "-i", inventory)
    assert done.code == 10, done.all
    assert "in the inventory office: nothing restarts" in done.out, done.all
    before = starts(fleet)
    done = fleet.install(inventory)
    assert done.code == 0, done.all
    assert starts(fleet) == before
    assert fleet.run("plan", "-i", inventory).code == 0
    copied = listing(fleet, "server-1", "agent-1", "agent-2")
    refused(fleet.install(copied), "agent-2: this host is new, but server-1 belongs to")
    done = fleet.install(fleet.inventory("server-1", "agent-1"))
    assert done.code == 0, done.all
    for path in (fleet.work / "state" / "edgeboot").glob("office*"):
        shutil.rmtree(path)


def starts(fleet: Fleet) -> list[str]:
    return [
        line
        for node in ("server-1", "agent-1")
        for line in fleet.snapshot(node).splitlines()
        if line.startswith("ExecMainStart")
    ]


def test_two_swapped_names_are_refused_naming_both(fleet: Fleet) -> None:
    done = fleet.install(fleet.inventory())
    assert done.code == 0, done.all
    inventory = listing(
        fleet, "server-1", "agent-1", "agent-2", agent_1="agent-2", agent_2="agent-1"
    )
    untouched(fleet, inventory, "agent-1 and agent-2 are swapped", "agent-2 and agent-1 are")
    refused(fleet.install(inventory, "--limit", "agent-1"), "runs as agent-2")
    done = fleet.run("status", "-i", inventory)
    assert "agent-1: this host runs as agent-2" in done.out, done.all
    assert all(fleet.nodes().values())


def test_a_renamed_host_gets_its_new_name_after_a_reset(fleet: Fleet) -> None:
    inventory = listing(fleet, "server-1", "agent-1", "agent-2", agent_2="kitchen")
    words = ("--limit", "kitchen", "--yes", "--confirm", cluster_name(fleet))
    done = fleet.run("reset", "-i", inventory, *words)
    assert done.code == 0, done.all
    assert set(fleet.nodes()) == {"server-1", "agent-1"}
    done = fleet.install(inventory)
    assert done.code == 0, done.all
    assert set(fleet.nodes()) == {"server-1", "agent-1", "kitchen"}
    assert "unlisted" not in fleet.run("plan", "-i", inventory).out
    done = fleet.run("reset", "-i", inventory, *words)
    assert done.code == 0, done.all


def test_a_host_replaces_one_that_is_off_if_that_is_asked_for(fleet: Fleet) -> None:
    fleet.on("agent-1", "systemctl disable --now k3s-agent")
    for _ in range(60):
        if not fleet.nodes()["agent-1"]:
            break
        time.sleep(1)
    inventory = listing(fleet, "server-1", "agent-2", agent_2="agent-1")
    refused(fleet.install(inventory), "knows another host as agent-1", "--forget-node-passwords")
    done = fleet.install(inventory, "--forget-node-passwords")
    assert done.code == 0, done.all
    assert fleet.nodes() == {"server-1": True, "agent-1": True}
    assert fleet.run("plan", "-i", inventory).code == 0
