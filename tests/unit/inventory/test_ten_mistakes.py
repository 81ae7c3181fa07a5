"""The ten mistakes people make first: each message names the place and the fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.transport.base import Transport
from edgeboot.transport.fake.host import FakeCluster, FakeHost
from tests.support.small_cluster import BUNDLE, CLUSTER, IMAGES, VERSION

HEAD = "cluster:\n  name: edge\nnodes:\n"
SERVER = "  - name: server-1\n    address: 192.0.2.11\n    role: server\n"
AGENT = "  - name: agent-1\n    address: 192.0.2.12\n    role: agent\n"
# What is wrong: the text, the line the message names, what it says, and what it says to do.
IN_THE_FILE: Mapping[str, tuple[str, int, str, str]] = {
    "wrong indent": (
        f"cluster:\nname: edge\nnodes:\n{SERVER}",
        2, "unknown key 'name'", "indent it by two spaces, below 'cluster:'",
    ),
    "a tab": (
        HEAD + "  - name: server-1\n\taddress: x\n",
        5, "tab in the indentation", "indent with spaces",
    ),
    "a missing colon": (
        HEAD + SERVER.replace("address:", "address"), 5, "missing colon", "write 'key: value'",
    ),
    "a duplicate name": (
        HEAD + SERVER + AGENT.replace("agent-1", "server-1"),
        7, "duplicate node name 'server-1' (first used at", "rename or remove one of them",
    ),
    "an unknown key": (
        HEAD + SERVER + "    lables: {a: b}\n", 7, "unknown key 'lables'", "did you mean 'labels'?",
    ),
    "a misspelt role": (
        HEAD + SERVER.replace(": server\n", ": sevrer\n"),
        6, "invalid role 'sevrer'", "did you mean 'server'?",
    ),
    "two servers with SQLite": (
        HEAD + SERVER + AGENT.replace(": agent\n", ": server\n"),
        7, "2 servers need another datastore than SQLite", "make 'agent-1' an agent",
    ),
    "an address twice": (
        HEAD + SERVER + AGENT.replace(".12", ".11"),
        8, "duplicate address '192.0.2.11' (first used at", "rename or remove one of them",
    ),
    "a key file that is missing": (
        HEAD + SERVER + "    ssh: {key: keys/id_nowhere}\n",
        7, "no key file", "correct the path, or remove 'key'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", IN_THE_FILE)
def test_in_the_inventory(mistake: str, tmp_path: Path) -> None:
    text, line, what, hint = IN_THE_FILE[mistake]
    path = tmp_path / "inventory.yml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load(path)
    assert caught.value.where == f"{path}:{line}"
    assert what in caught.value.what
    assert hint in str(caught.value.hint)


def test_a_bundle_of_another_architecture() -> None:
    shared = FakeCluster(VERSION, IMAGES)
    hosts: dict[str, Transport] = {
        node.name: FakeHost(node.name, shared, machine="aarch64") for node in CLUSTER.nodes
    }
    with pytest.raises(FleetError) as caught:
        make_plan(replace(CLUSTER, where="inventory.yml:1"), BUNDLE, hosts)
    message = str(caught.value.errors["server-1"])
    assert "the host is arm64 (aarch64), but the bundle is for amd64" in message
    assert "next: " in message


def test_these_are_ten() -> None:
    assert len(IN_THE_FILE) + 1 == 10
