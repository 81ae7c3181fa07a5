"""``k0sctl.yaml`` (k0sctl's README, "Configuration file"): hosts, roles and how to get in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named, usable
from edgeboot.inventory.model import Role

_USER = "root"  # where the file names none
_CARRIED = frozenset({"role", "ssh", "openSSH", "hostname", "privateAddress"})
_SSH_CARRIED = frozenset({"address", "user", "port", "keyPath", "hostKey", "bastion"})
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_ROLES = {
    "worker": Role.AGENT,
    "controller": Role.SERVER,
    "controller+worker": Role.SERVER,
    "single": Role.SERVER,
}


def is_k0sctl(document: Any) -> bool:
    """Whether a parsed YAML document says it is k0sctl's."""
    return isinstance(document, Mapping) and str(document.get("apiVersion", "")).startswith(
        "k0sctl."
    )


def from_k0sctl(documents: Sequence[Any], where: Path) -> Draft:
    """The first cluster of the documents as a draft; raises ``BadInput`` without hosts."""
    clusters = [document for document in documents if is_k0sctl(document)]
    spec = clusters[0].get("spec")
    hosts = spec.get("hosts") if isinstance(spec, Mapping) else None
    if not isinstance(hosts, list) or not hosts:
        raise BadInput("no hosts found", where=str(where), hint="list them under spec: hosts:")
    reading = _Reading(where.absolute().parent)
    found = [reading.node(host, f"host {number}") for number, host in enumerate(hosts, 1)]
    nodes = [node for node in found if node]
    if not nodes:
        raise BadInput("no host uses SSH", where=str(where), hint="add `ssh:` to its hosts")
    lost = reading.lost
    if isinstance(spec, Mapping) and spec.get("k0s"):
        lost["spec.k0s: k0s's version and configuration; the bundle has K3s"] = None
    for key in spec if isinstance(spec, Mapping) else ():
        if key not in {"hosts", "k0s"}:
            lost[f"spec.{key}"] = None
    for other in clusters[1:]:
        lost[f"cluster '{_name(other)}': import each cluster from a file of its own"] = None
    if len(documents) > len(clusters):
        lost[f"{len(documents) - len(clusters)} of its documents are not k0sctl's"] = None
    servers = sum(node.role is Role.SERVER for node in nodes)
    return Draft(
        usable(_name(clusters[0]), syntax.dns_label, "edge"),
        named(nodes),
        lost=tuple(lost),
        datastore="etcd" if servers > 1 else None,
    )


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""


class _Reading:
    """Hosts one after the other; ``base`` is the directory of the file."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self.lost: dict[str, None] = {}

    def node(self, host: Any, what: str) -> DraftNode | None:
        """A host; None if it is not reached by SSH."""
        entry: Mapping[str, Any] = host if isinstance(host, Mapping) else {}
        ssh = entry.get("ssh") or entry.get("openSSH")
        address = self._text(ssh, "address", what) if isinstance(ssh, Mapping) else None
        if not isinstance(ssh, Mapping) or not address:
            self.lost[f"{what}: does not use SSH"] = None
            return None
        what = f"{what} ({address})"
        for key in entry:
            if key not in _CARRIED:
                self.lost[f"{what}: {key}"] = None
        for key in ssh:
            if key not in _SSH_CARRIED:
                self.lost[f"{what}: ssh.{key}"] = None
        # With openSSH, k0sctl runs ssh, which takes the user from ~/.ssh/config.
        user = self._text(ssh, "user", what) or (_USER if entry.get("ssh") else None)
        return DraftNode(
            address=address,
            role=self._role(str(entry.get("role", "")), what),
            name=self._text(entry, "hostname", what) or "",
            node_ip=self._text(entry, "privateAddress", what),
            ssh=DraftSsh(
                user=user,
                port=self._port(ssh, what),
                key=self._key(ssh, what),
                host_key=self._text(ssh, "hostKey", what),
                jump=self._jump(ssh.get("bastion"), what),
            ),
        )

    def _role(self, text: str, what: str) -> Role:
        if text == "controller":
            line = f"{what}: K3s servers also run applications; add a taint to prevent that"
            self.lost[line] = None
        if text not in _ROLES:
            self.lost[f"{what}: unknown role {text[:30]!r}; it becomes an agent"] = None
        return _ROLES.get(text, Role.AGENT)

    def _text(self, entry: Mapping[str, Any], key: str, what: str) -> str | None:
        """A value, its environment variables replaced, as k0sctl does; None if there is none."""
        value = entry.get(key)
        if value is None or isinstance(value, Mapping | list) or value == "":
            return None
        for name in _VARIABLE.findall(str(value)):
            if name not in os.environ:
                self.lost[f"{what}: {key}; the environment variable {name} is not set"] = None
                return None
        return _VARIABLE.sub(lambda found: os.environ[found[1]], str(value))

    def _port(self, entry: Mapping[str, Any], what: str) -> int | None:
        text = self._text(entry, "port", what) or ""
        return int(text) if text.isdecimal() and text != "22" else None

    def _key(self, entry: Mapping[str, Any], what: str) -> str | None:
        """A relative path starts at the file."""
        text = self._text(entry, "keyPath", what)
        return text if text is None or text.startswith(("~", "/")) else str(self._base / text)

    def _jump(self, bastion: Any, what: str) -> str | None:
        if not isinstance(bastion, Mapping):
            return None
        address = self._text(bastion, "address", what)
        if not address:
            return None
        for key in bastion:
            if key not in {"address", "user", "port"}:
                line = f"{what}: ssh.bastion.{key}; write `jump:` as a mapping with `key:`"
                self.lost[line if key == "keyPath" else f"{what}: ssh.bastion.{key}"] = None
        user = self._text(bastion, "user", what) or _USER
        port = self._port(bastion, what)
        host = f"[{address}]" if ":" in address else address
        return f"{user}@{host}:{port}" if port else f"{user}@{host}"
