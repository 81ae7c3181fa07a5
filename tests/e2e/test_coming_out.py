"""After an install: kubeconfig, status, ssh and the words for what is broken, on booted hosts."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from tests.support.command import Done
from tests.support.fleet import Fleet


@pytest.fixture(scope="module")
def fleet(bare_module: Fleet) -> Fleet:
    done = bare_module.install(bare_module.inventory())
    assert done.code == 0, done.all
    return bare_module


def test_all_is_well(fleet: Fleet) -> None:
    names = [host.name for host in fleet.lab.hosts]
    before = [fleet.ours(name) for name in names]
    done = fleet.run("status", "-i", fleet.inventory(), "--output", "json")
    assert done.code == 0, done.all
    nodes = json.loads(done.out)["nodes"]
    assert [node["ready"] for node in nodes] == [True] * 3
    assert [fleet.ours(name) for name in names] == before


def test_the_kubeconfig_opens_the_cluster(fleet: Fleet) -> None:
    path = fleet.work / "edge.kubeconfig"
    done = fleet.run("kubeconfig", "-i", fleet.inventory(), "--out", path)
    assert done.code == 0, done.all
    assert path.stat().st_mode & 0o777 == 0o600
    entry = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]
    assert entry["server"] == f"https://{fleet.lab.host('server-1').address}:6443"


def test_merged_into_ones_own(fleet: Fleet) -> None:
    own = fleet.work / ".kube" / "config"
    own.parent.mkdir(exist_ok=True)
    others = {"clusters": [{"name": "work", "cluster": {"server": "https://work.example"}}]}
    own.write_text(yaml.safe_dump({**others, "current-context": "work"}))
    done = fleet.run("kubeconfig", "-i", fleet.inventory(), "--merge")
    assert done.code == 0, done.all
    after = yaml.safe_load(own.read_text())
    assert after["clusters"][0] == others["clusters"][0]
    assert (after["current-context"], len(after["contexts"])) == ("work", 1)


def test_ssh_checks_the_host_key_and_hands_the_exit_code_on(fleet: Fleet, tmp_path: Path) -> None:
    inventory = fleet.inventory()
    done = fleet.run("ssh", "-i", inventory, "agent-1", "hostname; exit 7")
    assert (done.code, done.out.strip()) == (7, "agent-1"), done.all
    document = yaml.safe_load(inventory.read_text())
    keys = {node["name"]: node["ssh"]["host-key"] for node in document["nodes"]}
    for node in document["nodes"]:
        if node["name"] == "agent-1":
            node["ssh"]["host-key"] = keys["agent-2"]
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(yaml.safe_dump(document))
    done = fleet.run("ssh", "-i", wrong, "agent-1", "hostname")
    assert done.code == 255, done.all
    assert "agent-1" not in done.out


def test_verbose_tells_commands_and_no_secret(fleet: Fleet) -> None:
    done = fleet.run("install", "-i", fleet.inventory(), "--yes", "--verbose")
    assert done.code == 0, done.all
    assert re.search(r"agent-1: status: exit code 0, \d", done.err), done.all
    token = fleet.on("server-1", "cat /var/lib/rancher/k3s/server/node-token").strip()
    assert token.rpartition(":")[2] not in done.all


def test_status_names_a_dead_agent_and_an_unreachable_one(fleet: Fleet) -> None:
    fleet.on("agent-1", "systemctl stop k3s-agent")
    inventory = fleet.inventory(agent_2={"address": "127.0.0.1", "ssh": {"port": 1}})
    done = fleet.run("status", "-i", inventory)
    assert done.code == 3, done.all
    assert re.search(r"^agent-1: its service is (inactive|deactivating).*\[", done.out, re.M)
    assert re.search(r"^agent-2: .*\[unreachable\]$", done.out, re.M), done.all
    fleet.on("agent-1", "systemctl start --no-block k3s-agent")


def test_an_agent_that_cannot_reach_the_server_is_told_so(fleet: Fleet) -> None:
    """The journal of the service says it, and `install` and `status` say it in plain words."""
    server = fleet.lab.host("server-1").address
    fleet.on("server-1", "systemctl stop k3s")
    fleet.on("agent-1", "systemctl restart --no-block k3s-agent")
    done = Done(0, "", "")
    for _ in range(20):
        done = fleet.run("status", "-i", fleet.inventory())
        if "[port-unreachable]" in done.out:
            break
        time.sleep(1)
    assert done.code == 1, done.all
    assert f"it cannot reach {server}:6443" in done.out, done.all
    fleet.on("server-1", "systemctl start --no-block k3s")


def test_a_host_of_another_cluster_is_refused(bare: Fleet) -> None:
    bare.on(
        "agent-1",
        "mkdir -p -m 0700 /var/lib/rancher/k3s/agent && "
        "echo other >/var/lib/rancher/k3s/agent/server-ca.crt",
    )
    before = bare.snapshots()
    done = bare.install(bare.inventory())
    assert done.code == 5, done.all
    assert "[other-cluster]" in done.err
    assert bare.snapshots() == before
