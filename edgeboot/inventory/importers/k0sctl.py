"""``k0sctl.yaml`` (k0sctl's README, "Configuration file"): hosts, roles and how to get in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named, usable
from edgeboot.inventory.model import Role

_CARRIED = frozenset({"role", "ssh", "openSSH", "hostname", "privateAddress"})
_SSH_CARRIED = frozenset({"address", "user", "port", "keyPath", "hostKey", "bastion"})


def is_k0sctl(document: Any) -> bool:
    """Whether a parsed YAML document says it is k0sctl's."""
    return isinstance(document, Mapping) and str(document.get("apiVersion", "")).startswith(
        "k0sctl."
    )


def from_k0sctl(document: Mapping[str, Any], where: str) -> Draft:
    """The document as a draft; raises ``BadInput`` without hosts."""
    spec = document.get("spec")
    hosts = spec.get("hosts") if isinstance(spec, Mapping) else None
    if not isinstance(hosts, list) or not hosts:
        raise BadInput("no hosts found", where=where, hint="list them under spec: hosts:")
    lost: dict[str, None] = {}
    nodes = [
        node
        for number, host in enumerate(hosts, 1)
        if (node := _node(host if isinstance(host, Mapping) else {}, f"host {number}", lost))
    ]
    if not nodes:
        raise BadInput("no host uses SSH", where=where, hint="add `ssh:` to its hosts")
    if isinstance(spec, Mapping) and spec.get("k0s"):
        lost["spec.k0s: k0s's version and configuration; the bundle has K3s"] = None
    for key in spec if isinstance(spec, Mapping) else ():
        if key not in {"hosts", "k0s"}:
            lost[f"spec.{key}"] = None
    metadata = document.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    return Draft(usable(name, syntax.dns_label, "edge"), named(nodes), lost=tuple(lost))


def _node(host: Mapping[str, Any], what: str, lost: dict[str, None]) -> DraftNode | None:
    ssh = host.get("ssh") or host.get("openSSH")
    if not isinstance(ssh, Mapping) or not ssh.get("address"):
        lost[f"{what}: does not use SSH"] = None
        return None
    address, role = str(ssh["address"]), str(host.get("role", ""))
    what = f"{what} ({address})"
    if role == "controller":
        lost[f"{what}: K3s servers also run applications; add a taint to prevent that"] = None
    for key in host:
        if key not in _CARRIED:
            lost[f"{what}: {key}"] = None
    for key in ssh:
        if key not in _SSH_CARRIED:
            lost[f"{what}: ssh.{key}"] = None
    return DraftNode(
        address=address,
        role=Role.AGENT if role == "worker" else Role.SERVER,
        name=str(host.get("hostname") or ""),
        node_ip=str(host["privateAddress"]) if host.get("privateAddress") else None,
        ssh=DraftSsh(
            user=str(ssh["user"]) if ssh.get("user") else None,
            port=int(ssh["port"]) if str(ssh.get("port", "")).isdigit() else None,
            key=str(ssh["keyPath"]) if ssh.get("keyPath") else None,
            host_key=str(ssh["hostKey"]) if ssh.get("hostKey") else None,
            jump=_jump(ssh.get("bastion"), what, lost),
        ),
    )


def _jump(bastion: Any, what: str, lost: dict[str, None]) -> str | None:
    if not isinstance(bastion, Mapping) or not bastion.get("address"):
        return None
    if bastion.get("keyPath"):
        lost[f"{what}: ssh.bastion.keyPath; write `jump:` as a mapping with `key:`"] = None
    user = f"{bastion['user']}@" if bastion.get("user") else ""
    port = f":{bastion['port']}" if bastion.get("port") else ""
    return f"{user}{bastion['address']}{port}"
