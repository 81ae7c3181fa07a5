"""What must be refused: one clear message, the right exit code, and hosts as they were."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.fleet import Fleet, refused


def test_a_flipped_bit_in_the_bundle(unchanged: Fleet, tmp_path: Path) -> None:
    data = bytearray(unchanged.bundle.read_bytes())
    data[len(data) // 2] ^= 1
    flipped = tmp_path / "flipped.tar"
    flipped.write_bytes(data)
    inventory = unchanged.inventory()
    refused(unchanged.run("bundle", "verify", flipped), "blobs/sha256/")
    refused(unchanged.install(inventory, "--bundle", flipped), "blobs/sha256/")


def test_a_bundle_for_another_architecture(unchanged: Fleet, release: Path, tmp_path: Path) -> None:
    if not (release / "k3s-arm64").exists():
        pytest.skip("this release directory has one architecture only")
    spec = tmp_path / "arm64.yml"
    spec.write_text(f"name: arm64\nk3s:\n  source: {release}\n  arches: [arm64]\n")
    bundle = tmp_path / "arm64.tar"
    built = unchanged.run("bundle", "build", "-f", spec, "--out", bundle)
    assert built.code == 0, built.all
    done = unchanged.install(unchanged.inventory(), "--bundle", bundle)
    hosts = "3 hosts (server-1, agent-1, agent-2)"
    refused(done, f"{hosts}: the host is amd64 (x86_64), but the bundle is for arm64")


@pytest.fixture
def blocker(bare: Fleet) -> Iterator[str]:
    """A program that listens on the API's port of server-1; the first letters of its name."""
    listen = "systemd-socket-activate -l 6443 /bin/cat"
    bare.on("server-1", f"systemd-run --quiet --unit=blocker {listen}")
    yield "systemd-socket-"
    bare.on("server-1", "systemctl stop blocker")


def test_a_taken_port(unchanged: Fleet, blocker: str) -> None:
    for _ in range(50):
        if ":192B " in unchanged.on("server-1", "cat /proc/net/tcp /proc/net/tcp6"):
            break
        time.sleep(0.1)
    refused(unchanged.install(unchanged.inventory()), f"server-1: port 6443 is in use by {blocker}")


def other_key(tmp_path: Path) -> str:
    path = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def test_a_wrong_host_key(unchanged: Fleet, tmp_path: Path) -> None:
    inventory = unchanged.inventory(agent_1={"ssh": {"host-key": other_key(tmp_path)}})
    done = unchanged.install(inventory)
    refused(done, "agent-1")
    assert "host key" in done.err
    refused(unchanged.install(inventory, "--accept-new"), "host key")


def behind(unchanged: Fleet, jump_key: str, target_key: str) -> Path:
    """agent-2 behind server-1 as its jump host."""
    document = yaml.safe_load(unchanged.inventory("server-1", "agent-2").read_text())
    defaults = document["defaults"]["ssh"]
    agent = next(node for node in document["nodes"] if node["name"] == "agent-2")
    agent["ssh"] = {
        "host-key": target_key,
        "jump": {
            "address": unchanged.lab.host("server-1").address,
            "user": defaults["user"],
            "key": defaults["key"],
            "host-key": jump_key,
        },
    }
    path = unchanged.work / "jump.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def keys_of(fleet: Fleet) -> dict[str, str]:
    return {node["name"]: node["ssh"]["host-key"] for node in fleet.base["nodes"]}


def test_a_wrong_host_key_behind_a_jump_host(unchanged: Fleet, tmp_path: Path) -> None:
    keys, other = keys_of(unchanged), other_key(tmp_path)
    done = unchanged.install(behind(unchanged, keys["server-1"], other))
    refused(done, "agent-2", "host key")


def test_a_wrong_key_of_the_jump_host_itself(unchanged: Fleet, tmp_path: Path) -> None:
    keys, other = keys_of(unchanged), other_key(tmp_path)
    done = unchanged.install(behind(unchanged, other, keys["agent-2"]))
    refused(done, "jump host of agent-2", "host key")


def test_the_right_keys_work_behind_a_jump_host(unchanged: Fleet) -> None:
    keys = keys_of(unchanged)
    done = unchanged.run("plan", "-i", behind(unchanged, keys["server-1"], keys["agent-2"]))
    assert done.code == 10, done.all


def test_an_unreachable_host(unchanged: Fleet) -> None:
    inventory = unchanged.inventory(agent_1={"address": "127.0.0.1", "ssh": {"port": 1}})
    refused(unchanged.install(inventory), "agent-1", code=3)


def test_a_mistake_in_the_inventory(unchanged: Fleet) -> None:
    path = unchanged.inventory(agent_1={"rolle": "agent"})
    done = unchanged.install(path)
    refused(done, "inventory.yml:", "role", code=2)


def test_declined_without_a_terminal(unchanged: Fleet) -> None:
    done = unchanged.run("install", "-i", unchanged.inventory())
    refused(done, "standard input is not a terminal", code=2)


def test_cgroup_v1_without_the_opt_in(unchanged: Fleet) -> None:
    if "kubelet-arg" not in unchanged.base["cluster"].get("config", {}):
        pytest.skip("these hosts have cgroup v2")
    document = yaml.safe_load(unchanged.inventory().read_text())
    del document["cluster"]["config"]["kubelet-arg"]
    path = unchanged.work / "v1.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    refused(unchanged.install(path), "cgroup v1", "fail-cgroupv1=false")
