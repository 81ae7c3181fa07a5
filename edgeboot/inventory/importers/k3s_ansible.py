"""k3s-ansible's inventories: groups ``server`` (``master``) and ``agent`` (``node``), YAML or INI.

Names of variables after Ansible ("Connecting to hosts: behavioral inventory parameters") and
k3s-ansible's ``inventory-sample.yml``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named, usable
from edgeboot.inventory.model import Role

_ROLES = {
    "server": Role.SERVER,
    "servers": Role.SERVER,
    "master": Role.SERVER,
    "agent": Role.AGENT,
    "agents": Role.AGENT,
    "node": Role.AGENT,
    "nodes": Role.AGENT,
}
_HINT = "put hosts into the groups 'server' and 'agent' (or 'master' and 'node')"
_CARRIED = frozenset(
    {
        "ansible_host",
        "ansible_ssh_host",
        "ansible_user",
        "ansible_ssh_user",
        "ansible_port",
        "ansible_ssh_port",
        "ansible_ssh_private_key_file",
        "ansible_private_key_file",
        "ansible_connection",
        "ansible_become",
    }
)
_JUMP = re.compile(r"(?:-J\s*|-o\s*ProxyJump=)([^\s'\"]+)")
_OURS = {
    "k3s_version": "the bundle determines K3s's version",
    "token": "edgeboot creates the token",
    "ansible_become_password": "use --ask-sudo-pass",
    "ansible_ssh_pass": "use --ask-pass",
    "ansible_password": "use --ask-pass",
}

Vars = Mapping[str, Any]


def from_yaml(document: Any, where: str) -> Draft:
    """The YAML form, parsed; raises ``BadInput`` without such groups."""
    if not isinstance(document, Mapping):
        raise BadInput("not an inventory of k3s-ansible", where=where, hint=_HINT)
    return _draft(list(_runner(document, {})), where)


def from_ini(text: str, where: str) -> Draft:
    """The INI form; sections of hosts, ``:vars`` and ``:children``."""
    groups: dict[str, dict[str, dict[str, str]]] = {}
    shared: dict[str, dict[str, str]] = {}
    parents: dict[str, str] = {}
    section, kind = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise BadInput(
                f"invalid line: {error}", where=f"{where}:{number}", hint="close the quote"
            ) from None
        if not words or line.lstrip().startswith(";"):
            continue
        found = re.fullmatch(r"\[([^\]:]+)(?::(\w+))?\]", line.strip())
        if found:
            section, kind = found[1], found[2] or ""
        elif kind == "children":
            parents[words[0]] = section
        elif kind == "vars":
            key, _, value = line.partition("=")
            shared.setdefault(section, {})[key.strip()] = value.strip().strip("'\"")
        else:
            pairs = (word.partition("=") for word in words[1:])
            own = {key: value for key, _, value in pairs}
            groups.setdefault(section, {})[words[0]] = own
    found_hosts: list[tuple[str, str, Vars]] = []
    for group, hosts in groups.items():
        below = {**shared.get("all", {}), **shared.get(parents.get(group, ""), {})}
        below |= shared.get(group, {})
        found_hosts += ((group, host, {**below, **own}) for host, own in hosts.items())
    return _draft(found_hosts, where)


def _runner(groups: Vars, inherited: Vars) -> Iterator[tuple[str, str, Vars]]:
    """Every host as (group, name, variables), with those of its groups folded in."""
    for name, group in groups.items():
        if not isinstance(group, Mapping):
            continue
        variables = {**inherited, **(group.get("vars") or {})}
        for host, own in (group.get("hosts") or {}).items():
            yield str(name), str(host), {**variables, **(own or {})}
        yield from _runner(group.get("children") or {}, variables)


def _draft(hosts: list[tuple[str, str, Vars]], where: str) -> Draft:
    nodes: list[DraftNode] = []
    lost: dict[str, None] = {}
    for group, host, variables in hosts:
        role = _ROLES.get(group.lower())
        if role is None:
            lost[f"group '{group}' with host {host}: neither 'server' nor 'agent'"] = None
            continue
        nodes.append(_node(host, role, variables))
        lost.update(dict.fromkeys(_losses(variables)))
    if not nodes:
        raise BadInput("no hosts found", where=where, hint=_HINT)
    return Draft("edge", named(nodes), lost=tuple(lost))


def _node(host: str, role: Role, variables: Vars) -> DraftNode:
    def first(*names: str) -> str | None:
        return next((str(variables[n]) for n in names if variables.get(n)), None)

    port = first("ansible_port", "ansible_ssh_port")
    jump = _JUMP.search(first("ansible_ssh_common_args", "ansible_ssh_extra_args") or "")
    is_name = bool(usable(host, syntax.dns_label, "")) and not host.isdigit()
    return DraftNode(
        address=first("ansible_host", "ansible_ssh_host") or host,
        role=role,
        name=host if is_name else "",
        ssh=DraftSsh(
            user=first("ansible_user", "ansible_ssh_user"),
            port=int(port) if port and port.isdigit() and port != "22" else None,
            key=first("ansible_ssh_private_key_file", "ansible_private_key_file"),
            jump=jump[1] if jump else None,
        ),
    )


def _losses(variables: Vars) -> Iterator[str]:
    """Names only: a value may be a secret."""
    for name in variables:
        if name in _CARRIED or "{{" in str(name):
            continue
        if name in {"ansible_ssh_common_args", "ansible_ssh_extra_args"}:
            if not _JUMP.search(str(variables[name])):
                yield f"{name}: move these options to ~/.ssh/config"
            continue
        yield f"{name}: {_OURS.get(str(name), 'set K3s options under `config:`')}"
