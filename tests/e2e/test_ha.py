"""Three servers and two agents out of inventories/ha.yml, on hosts of the lab. In order."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from tests.support.command import Done
from tests.support.fleet import MEMORY, NAME, Fleet, base_of
from tests.support.guardian import guarded

EXAMPLE = Path(__file__).parents[2] / "inventories" / "ha.yml"
# The inventory's nodes, and the lab's hosts for them.
HOSTS = {
    "server-1": "server-1",
    "server-2": "agent-1",
    "server-3": "agent-2",
    "agent-1": "agent-3",
    "agent-2": "agent-4",
}
SERVERS = ("server-1", "server-2", "server-3")
REAL = bool(os.environ.get("K3S_RELEASE"))
_STATE = "/var/lib/rancher/k3s/server/db/etcd/member/state.json"  # of the stand-in


@dataclass
class Plant:
    """The lab as the inventory's cluster; ``learners`` is what was seen of etcd's."""

    fleet: Fleet
    document: dict[str, Any]
    vip: str
    learners: list[int] = field(default_factory=list)

    def inventory(self, *nodes: str) -> Path:
        """The inventory of some of the nodes, as ``document`` says now."""
        document = json.loads(json.dumps(self.document))
        document["nodes"] = [n for n in document["nodes"] if not nodes or n["name"] in nodes]
        path = self.fleet.work / "ha.yml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def node(self, name: str) -> dict[str, Any]:
        """A node's entry, to be changed."""
        found: dict[str, Any] = next(n for n in self.document["nodes"] if n["name"] == name)
        return found

    def on(self, node: str, script: str) -> str:
        """What a script prints on a node's host."""
        return self.fleet.on(HOSTS[node], script)

    def nodes(self, at: str = "server-1") -> dict[str, dict[str, Any]]:
        """The cluster's Node objects as a server lists them."""
        listed = self.on(at, "k3s kubectl get nodes -o json")
        return {item["metadata"]["name"]: item for item in json.loads(listed)["items"]}

    def hold_vip(self, node: str) -> None:
        """What keepalived would do: the address is this server's now."""
        for server in SERVERS:
            verb = "add" if server == node else "del"
            interface = "$(ip -o route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/')"
            self.on(server, f"ip address {verb} {self.vip}/32 dev {interface} 2>/dev/null; true")

    def count_learners(self) -> None:
        """Looks once at every server that has a list of members."""
        for server in SERVERS:
            listed = self.on(server, f"cat {_STATE} 2>/dev/null; true")
            if listed:
                self.learners.append(sum(m["learner"] for m in json.loads(listed)["members"]))


def status_of(node: dict[str, Any], condition: str) -> str:
    found: str = next(
        (c["status"] for c in node["status"]["conditions"] if c["type"] == condition), ""
    )
    return found


@pytest.fixture(scope="module")
def plant(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Five bare hosts, and the example with their addresses in it."""
    spec = LabSpec(f"{NAME}-ha", nodes=len(HOSTS), memory_bytes=MEMORY)
    with guarded(spec.name):
        lab = labs.up(spec, lambda _line: None)
        base = base_of(lab)
        fleet = Fleet(lab, base, bundle, tmp_path_factory.mktemp("ha"))
        entries = {node["name"]: node for node in base["nodes"]}
        document = yaml.safe_load(EXAMPLE.read_text())
        document |= {"bundle": str(bundle), "allow-unsigned": True, "defaults": base["defaults"]}
        del document["bundle-keys"]
        document["cluster"]["config"] |= base["cluster"].get("config", {})
        line = document["nodes"][1]["labels"]
        document["nodes"] = [
            {**entries[host], "name": name, "role": name.partition("-")[0]}
            | ({"labels": line} if name.startswith("agent") else {})
            for name, host in HOSTS.items()
        ]
        vip = str(ipaddress.ip_address(lab.host("server-1").address) + 150)
        document["cluster"]["vip"] = vip
        made = Plant(fleet, document, vip)
        made.hold_vip("server-1")
        yield made


@contextmanager
def installing(plant: Plant, inventory: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """An installation that is killed at the end."""
    argv = plant.fleet.argv("install", "-i", inventory, "--yes", "--output", "jsonl", *more)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=plant.fleet.env) as process:
        try:
            yield process
        finally:
            process.kill()


def await_step(process: subprocess.Popen[str], node: str, step: str) -> None:
    """Returns as soon as an installation has taken a step on a node."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "StepEnded" and event["node"] == node:
            assert event["error"] is None
            if event["step"].startswith(step):
                return
    pytest.fail(f"{node} was never told to {step}")


def test_a_server_is_killed_while_it_joins(plant: Plant) -> None:
    """It and the installation: the former as soon as it may have become a learner."""
    inventory = plant.inventory("server-1", "server-2", "server-3", "agent-1")
    with installing(plant, inventory) as process:
        await_step(process, "server-2", "start k3s.service")
        for _ in range(50):
            if "there" in plant.on("server-2", f"[ -e {Path(_STATE).parent} ] && echo there; true"):
                break
            time.sleep(0.1)
        plant.on("server-2", "systemctl kill -s KILL k3s; systemctl stop k3s")
    plant.count_learners()
    assert REAL or plant.learners[0] == 1


def test_one_more_run_makes_the_cluster_whole(plant: Plant) -> None:
    done = watched(plant, plant.inventory("server-1", "server-2", "server-3", "agent-1"))
    assert done.code == 0, done.all
    found = plant.nodes()
    assert {name: status_of(node, "Ready") for name, node in found.items()} == dict.fromkeys(
        (*SERVERS, "agent-1"), "True"
    )
    assert {status_of(found[name], "EtcdIsVoter") for name in SERVERS} == {"True"}


def watched(plant: Plant, inventory: Path) -> Done:
    """An installation during which etcd's learners are counted."""
    ended = threading.Event()

    def watch() -> None:
        while not REAL and not ended.wait(0.3):
            plant.count_learners()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return plant.fleet.install(inventory)
    finally:
        ended.set()
        watcher.join()


def test_there_was_never_more_than_one_learner(plant: Plant) -> None:
    """Neither was there, nor did a server ever have to wait for another one."""
    assert REAL or max(plant.learners) == 1
    for server in SERVERS:
        said = plant.on(server, "journalctl -q -u k3s | grep 'too many learner'; true")
        assert said == ""


def test_the_second_plan_is_empty(plant: Plant) -> None:
    inventory = plant.inventory("server-1", "server-2", "server-3", "agent-1")
    done = plant.fleet.run("plan", "-i", inventory)
    assert done.code == 0, done.all


def test_agents_have_a_token_of_their_own(plant: Plant) -> None:
    """With the CA's hash in it; what they know is not enough to become a server."""
    theirs = plant.on("agent-1", "cat /etc/rancher/k3s/edgeboot-token")
    password = plant.on("server-2", "cat /etc/rancher/k3s/edgeboot-agent-token")
    servers = plant.on("server-3", "cat /etc/rancher/k3s/edgeboot-token")
    head, _, secret = servers.partition("::server:")
    assert head.startswith("K10")
    assert theirs == f"{head}::node:{password}"
    assert secret not in theirs


def test_servers_get_another_token(plant: Plant) -> None:
    """The run is killed when K3s has it, and a server boots that has not been told."""
    nodes = ("server-1", "server-2", "server-3", "agent-1")
    tell = "cat /etc/rancher/k3s/edgeboot-token"
    former, agents = plant.on("server-2", tell), plant.on("agent-1", tell)
    with installing(plant, plant.inventory(*nodes), "--new-server-token") as process:
        await_step(process, "server-1", "rotate the servers' token")
    plant.on("server-3", "systemctl restart --no-block k3s")
    done = plant.fleet.install(plant.inventory(*nodes))
    assert done.code == 0, done.all
    found = {plant.on(server, tell) for server in SERVERS}
    assert len(found) == 1
    assert found != {former}
    assert found == {plant.on("server-3", "cat /var/lib/rancher/k3s/server/token").strip()}
    assert plant.on("agent-1", tell) == agents
    kept = plant.on("server-1", "cat /var/lib/edgeboot/former-server-tokens")
    assert former.endswith(f":{kept.strip()}")
    done = plant.fleet.run("plan", "-i", plant.inventory(*nodes))
    assert done.code == 0, done.all


def test_what_goes_from_the_inventory_goes_from_the_nodes(plant: Plant) -> None:
    plant.document["roles"].pop("server")
    plant.node("agent-1").pop("labels")
    nodes = ("server-1", "server-2", "server-3", "agent-1")
    done = plant.fleet.install(plant.inventory(*nodes))
    assert done.code == 0, done.all
    found = plant.nodes()
    assert "example.com/line" not in found["agent-1"]["metadata"]["labels"]
    assert not any(found[name]["spec"].get("taints") for name in SERVERS)
    done = plant.fleet.run("plan", "-i", plant.inventory(*nodes))
    assert done.code == 0, done.all


def test_a_server_leaves_and_comes_back(plant: Plant) -> None:
    nodes = ("server-1", "server-2", "server-3", "agent-1")
    words = ("reset", "-i", plant.inventory(*nodes), "--limit", "server-2")
    done = plant.fleet.run(*words, "--plan")
    assert done.code == 10, done.all
    assert set(plant.nodes()) == set(nodes)
    done = plant.fleet.run(*words, "--yes", "--confirm", plant.document["cluster"]["name"])
    assert done.code == 0, done.all
    assert set(plant.nodes()) == set(nodes) - {"server-2"}
    done = watched(plant, plant.inventory(*nodes))
    assert done.code == 0, done.all
    found = plant.nodes()
    assert {status_of(found[name], "EtcdIsVoter") for name in SERVERS} == {"True"}
    assert REAL or max(plant.learners) == 1


def test_an_agent_joins_while_a_server_is_off(plant: Plant) -> None:
    plant.on("server-1", "systemctl stop k3s")
    plant.hold_vip("server-2")
    plant.on("server-1", "systemctl stop ssh.socket ssh.service sshd 2>/dev/null")
    done = plant.fleet.install(plant.inventory(), "--skip-unreachable", "--retry-for", "0")
    assert done.code == 3, done.all
    assert "server-1" in done.err
    found = plant.nodes("server-2")
    assert status_of(found["agent-2"], "Ready") == "True"
    joined = plant.on("agent-2", "cat /etc/rancher/k3s/config.yaml")
    assert f'server: "https://{plant.vip}:6443"' in joined
