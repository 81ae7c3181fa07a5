"""inventories/six-pis.yml on six hosts of the lab. In order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from edgeboot.inventory.load import load
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from tests.support.fleet import MEMORY, NAME, Fleet, base_of
from tests.support.guardian import guarded

EXAMPLE = Path(__file__).parents[2] / "inventories" / "six-pis.yml"
NODES = ("server-1", *(f"agent-{number}" for number in range(1, 6)))


@pytest.fixture(scope="module")
def six(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Six bare hosts, and as inventory the example with their addresses and login in it."""
    spec = LabSpec(f"{NAME}-six", nodes=len(NODES), memory_bytes=MEMORY)
    with guarded(spec.name):
        lab = labs.up(spec, lambda _line: None)
        base = base_of(lab)
        document = yaml.safe_load(EXAMPLE.read_text())
        del document["bundle-keys"]
        document |= {"allow-unsigned": True, "bundle": str(bundle)}
        document["defaults"]["ssh"] = base["defaults"]["ssh"]
        config = base["cluster"].get("config", {})
        kubelet = [*document["cluster"]["config"]["kubelet-arg"], *config.pop("kubelet-arg", [])]
        document["cluster"]["config"] |= {**config, "kubelet-arg": kubelet}
        groups = {node.name: list(node.groups) for node in load(EXAMPLE).nodes}
        document["nodes"] = [{**node, "groups": groups[node["name"]]} for node in base["nodes"]]
        work = tmp_path_factory.mktemp("six")
        (work / "inventory.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        yield Fleet(lab, base, bundle, work)


def test_six_bare_hosts_become_a_cluster(six: Fleet) -> None:
    done = six.install(six.work / "inventory.yml")
    assert done.code == 0, done.all
    assert six.nodes() == dict.fromkeys(NODES, True)


def test_groups_and_roles_arrive(six: Fleet) -> None:
    listed = json.loads(six.on("server-1", "k3s kubectl get nodes -o json"))["items"]
    labels = {item["metadata"]["name"]: item["metadata"]["labels"] for item in listed}
    assert {name for name in NODES if labels[name].get("board") == "rpi4"} == set(NODES)
    assert {name for name in NODES if labels[name].get("disk") == "ssd"} == {"server-1"}
    for name in NODES:
        assert "memory.available<100Mi" in six.on(name, "cat /etc/rancher/k3s/config.yaml")


def test_the_same_again_changes_nothing(six: Fleet) -> None:
    done = six.run("plan", "-i", six.work / "inventory.yml")
    assert done.code == 0, done.all


def test_each_has_its_own_budget(six: Fleet) -> None:
    """Whether a real K3s keeps to it is the budget's business; that it is asked, ours."""
    report = six.work / "fit.json"
    words = ("--only", "budget", "--window", "2s", "--report", report)
    done = six.run("verify", "-i", six.work / "inventory.yml", *words)
    assert done.code in {0, 1}, done.all
    found = json.loads(report.read_text())["nodes"]
    limits = {name: found[name]["figures"]["memory"]["limit"] for name in NODES}
    assert limits == {name: (1 << 30) if name == "server-1" else (512 << 20) for name in NODES}
