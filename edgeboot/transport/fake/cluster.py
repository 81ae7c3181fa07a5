"""What fake hosts share: a cluster that takes in who has the right token, as K3s does.

With ``cluster-init`` or ``server`` in a server's configuration it has embedded etcd: a server that
joins is a learner until its status has been asked for once, and there is one learner at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CA = b"fake CA"  # the certificate
_CA_HASH = hashlib.sha256(CA).hexdigest()


@dataclass
class FakeNode:
    """A Node object. ``voter`` is None if it is not a member of etcd."""

    version: str
    voter: bool | None = None
    ready: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    taints: set[str] = field(default_factory=set)
    machine_id: str = ""
    address: str = ""


@dataclass
class FakeCluster:
    """The passwords, and who has joined; ``most_learners`` is the most there ever were at once.

    ``password`` is what the data are encrypted with; ``lets_in`` whom each running server lets in.
    """

    version: str
    images: Mapping[str, str]
    password: bytes | None = None
    agent_password: bytes | None = None
    joined: dict[str, FakeNode] = field(default_factory=dict)
    most_learners: int = 0
    lets_in: dict[str, bytes] = field(default_factory=dict)
    rotations: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)  # of its API, beside installations

    @property
    def node_token(self) -> bytes | None:
        """The full token of servers, once one has started."""
        return None if self.password is None else full_token(self.password)

    def rotate(self, node: str, shown: bytes) -> bytes | None:
        """Another token for servers, in full; None where the server does not let in who asks."""
        if self.lets_in.get(node) != password_of(shown):
            return None
        self.rotations += 1
        self.password = f"rotated-{self.rotations}".encode()
        return self.node_token

    def start(
        self, node: str, server: bool, files: Mapping[str, bytes], machine_id: str = ""
    ) -> str | None:
        """Takes a host in whose K3s starts with these files: its Node's name, None if rejected."""
        config = _values(files["/etc/rancher/k3s/config.yaml"].decode())
        token = files["/etc/rancher/k3s/edgeboot-token"]
        name = config.get("node-name", [node])[0]
        known = name in self.joined
        if server:
            self.password = self.password or password_of(token)
            if password_of(token) != self.password or not (known or self._lets_in(config, token)):
                self.lets_in.pop(node, None)
                return None
            self.lets_in[node] = self.password
            self.agent_password = files.get("/etc/rancher/k3s/edgeboot-agent-token")
        elif token != self._agent_form():
            return None
        found = self.joined.setdefault(
            name, FakeNode(self.version, taints=set(config.get("node-taint", ())))
        )
        found.version, found.ready, found.machine_id = self.version, True, machine_id
        found.labels |= dict(label.split("=", 1) for label in config.get("node-label", ()))
        if server and found.voter is None and ("cluster-init" in config or "server" in config):
            found.voter = "cluster-init" in config
        self.most_learners = max(self.most_learners, len(self.learners))
        return name

    def _lets_in(self, config: Mapping[str, list[str]], token: bytes) -> bool:
        """Whether a new server may join: with the full token of one that runs; or it begins."""
        if "server" not in config:
            return True
        return token == self.node_token and self.password in self.lets_in.values()

    @property
    def learners(self) -> list[str]:
        """Members that have no vote yet."""
        return [name for name, node in self.joined.items() if node.voter is False]

    def promote(self, node: str) -> None:
        """Gives a learner its vote."""
        if node in self.learners:
            self.joined[node].voter = True

    def change(self, node: str, patch: Mapping[str, Any]) -> None:
        """Merges a change of labels and taints into a Node."""
        found = self.joined[node]
        for key, value in patch.get("metadata", {}).get("labels", {}).items():
            if value is None:
                found.labels.pop(key, None)
            else:
                found.labels[key] = value
        if "taints" in patch.get("spec", {}):
            found.taints = set(map(_taint_text, patch["spec"]["taints"] or ()))

    def items(self) -> list[dict[str, Any]]:
        """The nodes as the API lists them, with the images they all have."""
        images = [
            {"names": [name, f"{name.rpartition(':')[0]}@{digest}"]}
            for name, digest in self.images.items()
        ]
        found = [_item(*pair) for pair in self.joined.items()]
        for item in found:
            item["status"]["images"] = images
        return found

    def _agent_form(self) -> bytes | None:
        if self.agent_password is None:
            return self.node_token
        return f"K10{_CA_HASH}::node:".encode() + self.agent_password


def full_token(password: bytes) -> bytes:
    """A token of servers as K3s writes it down."""
    return f"K10{_CA_HASH}::server:".encode() + password


def password_of(token: bytes) -> bytes:
    """The password in a full token of servers, or the token itself."""
    return token.strip().rpartition(b"::server:")[2]


def _item(name: str, node: FakeNode) -> dict[str, Any]:
    words = {True: "True", False: "False"}
    conditions = [{"type": "Ready", "status": words[node.ready]}]
    if node.voter is not None:
        conditions.append({"type": "EtcdIsVoter", "status": words[node.voter]})
    return {
        "metadata": {"name": name, "labels": dict(node.labels), "resourceVersion": "1"},
        "spec": {"taints": [_taint(text) for text in sorted(node.taints)]},
        "status": {
            "conditions": conditions,
            "nodeInfo": {"kubeletVersion": node.version, "machineID": node.machine_id},
            "addresses": [{"type": "InternalIP", "address": node.address}] if node.address else [],
        },
    }


def _values(config: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    key = ""
    for line in config.splitlines():
        if line.startswith("  - "):
            found[key].append(json.loads(line[4:]))
        elif not line.startswith("#"):
            key, _, value = line.partition(": ")
            key = key.removesuffix(":")
            found[key] = [str(json.loads(value))] if value else []
    return found


def _taint(text: str) -> dict[str, str]:
    """``KEY=VALUE:EFFECT`` as a Node has it."""
    name, _, effect = text.rpartition(":")
    key, _, value = name.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def _taint_text(taint: Mapping[str, str]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"
