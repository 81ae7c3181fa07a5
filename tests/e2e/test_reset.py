"""Reset: hosts are again what they were before the install, under systemd and OpenRC. In order.

A snapshot of everything a host is (host_state.sh) is compared, outside reset_exceptions.yml.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from edgeboot_lab.nspawn.image import Image
from tests.support.command import Done
from tests.support.fleet import MEMORY, NAME, Fleet, base_of
from tests.support.guardian import guarded

HERE = Path(__file__).parent
NODES = ("server-1", "agent-1")
STATE, LEFTOVERS, FOREIGN = (
    (HERE / name).read_text() for name in ("host_state.sh", "leftovers.sh", "foreign_processes.sh")
)
EXCEPTIONS = yaml.safe_load((HERE / "reset_exceptions.yml").read_text()) or []

REAL = bool(os.environ.get("K3S_RELEASE"))  # it leaves things of its own behind
KILL_AFTER = "stop and disable" if REAL else "unmount"

# What does not depend on the init system.
SYSTEMD_ONLY = pytest.mark.parametrize("rig", ["systemd"], indirect=True)


@dataclass(frozen=True)
class Rig:
    """Two hosts, and what they were like before anything was installed."""

    fleet: Fleet
    before: Mapping[str, frozenset[str]]

    @property
    def inventory(self) -> Path:
        """The inventory of both; the agent's host is told all that leaves something on it."""
        told = {"profiles": ["lean", "sd-card"], "time": {"floor": True}}
        return self.fleet.inventory(*NODES, agent_1=told)

    def reset(self, *words: str) -> Done:
        """``edgeboot reset``, both questions answered."""
        name = self.fleet.base["cluster"]["name"]
        return self.fleet.run("reset", "-i", self.inventory, "--yes", "--confirm", name, *words)

    def assert_as_before(self, node: str) -> None:
        """Nothing on a host differs from before, outside the exceptions."""
        after = state_of(self.fleet, node)
        come, gone = unexcused(after - self.before[node]), unexcused(self.before[node] - after)
        assert not come, f"come to {node}:\n" + "\n".join(come)
        assert not gone, f"gone from {node}:\n" + "\n".join(gone)


def state_of(fleet: Fleet, node: str) -> frozenset[str]:
    return frozenset(fleet.on(node, STATE, timeout=120).splitlines())


def unexcused(lines: frozenset[str]) -> list[str]:
    allowed = re.compile("|".join(f"(?:{entry['line']})" for entry in EXCEPTIONS) or "$^")
    return sorted(line for line in lines if not allowed.fullmatch(line))


@pytest.fixture(scope="module", params=["systemd", "openrc"])
def rig(
    request: pytest.FixtureRequest, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """Bare hosts with things of others on them: the suite's own, or two that boot OpenRC."""
    if request.param == "systemd":
        fleet: Fleet = request.getfixturevalue("bare_module")
        for node in NODES:  # other tests may have given the machine another id
            fleet.on(node, "systemctl restart systemd-journald")
        yield made(fleet)
        for node in NODES:
            fleet.on(node, "umount /var/lib/rancher/k3s/storage; iptables -F INPUT")
        return
    spec = LabSpec(f"{NAME}-rc", nodes=2, memory_bytes=MEMORY, image=Image(init="openrc"))
    with guarded(spec.name):
        lab = labs.up(spec, lambda _line: None)
        yield made(Fleet(lab, base_of(lab), bundle, tmp_path_factory.mktemp("openrc")))


def made(fleet: Fleet) -> Rig:
    for node in NODES:
        fleet.on(node, FOREIGN)
    return Rig(fleet, {node: state_of(fleet, node) for node in NODES})


def test_an_install_from_bare_converges_and_verifies(rig: Rig) -> None:
    done = rig.fleet.install(rig.inventory)
    assert done.code == 0, done.all
    assert rig.fleet.nodes() == {"server-1": True, "agent-1": True}
    assert rig.fleet.run("plan", "-i", rig.inventory).code == 0
    words = ("--no-pods", "--window", "2", "--output", "json")
    done = rig.fleet.run("verify", "-i", rig.inventory, *words)
    assert done.code == 0, done.all
    figures = json.loads(done.out)["nodes"]["agent-1"]["figures"]
    assert figures["memory"]["used"] > 1 << 20


@SYSTEMD_ONLY
def test_one_agent_goes_and_comes_back(rig: Rig) -> None:
    done = rig.reset("--limit", "agent-1")
    assert done.code == 0, done.all
    rig.assert_as_before("agent-1")
    assert rig.fleet.nodes() == {"server-1": True}
    done = rig.fleet.install(rig.inventory)
    assert done.code == 0, done.all
    assert rig.fleet.nodes() == {"server-1": True, "agent-1": True}


def test_the_plan_names_what_is_lost_and_changes_nothing(rig: Rig) -> None:
    for node in () if REAL else NODES:
        planted = rig.fleet.lab.host(node).exec(("sh", "-c", LEFTOVERS))
        assert planted.returncode == 0, planted.stderr.decode()
    done = rig.fleet.run("reset", "-i", rig.inventory, "--plan")
    assert done.code == 10, done.all
    assert "the cluster's database" in done.out, done.out
    for words in (
        ()
        if REAL
        else (
            "volume /var/lib/rancher/k3s/storage/pvc-0001_default_db",
            "all files on /var/lib/rancher/k3s/storage, which stays mounted",
            "of K3s and its pods",
            "namespaces cni-0001, cni0, flannel.1, vethpod",
            "rules of K3s",
        )
    ):
        assert words in done.out, done.out
    assert rig.fleet.nodes() == {"server-1": True, "agent-1": True}


def test_killed_half_way_and_run_again_everything_is_as_before(rig: Rig) -> None:
    name = rig.fleet.base["cluster"]["name"]
    words = ("reset", "-i", rig.inventory, "--yes", "--confirm", name, "-o", "jsonl")
    argv = rig.fleet.argv(*words)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=rig.fleet.env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "StepEnded" and event["step"].startswith(KILL_AFTER):
                process.kill()
                break
    assert process.returncode == -9
    done = rig.reset()
    assert done.code == 0, done.all
    for node in NODES:
        rig.assert_as_before(node)
    done = rig.fleet.run("reset", "-i", rig.inventory, "--plan")
    assert done.code == 0, done.all
    assert "No changes" in done.out


@SYSTEMD_ONLY
def test_a_k3s_of_somebody_else_is_refused(rig: Rig) -> None:
    rig.fleet.on("agent-1", "echo foreign >/usr/local/bin/k3s; mkdir -p /etc/rancher/k3s")
    done = rig.reset()
    assert done.code == 5, done.all
    assert "agent-1: the K3s on this host was not installed by edgeboot" in done.err
    assert rig.fleet.on("agent-1", "cat /usr/local/bin/k3s") == "foreign\n"
    done = rig.reset("--foreign")
    assert done.code == 0, done.all
    rig.assert_as_before("agent-1")
