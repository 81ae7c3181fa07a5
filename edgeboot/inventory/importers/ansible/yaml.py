"""The YAML form of an inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory.importers.ansible.hosts import expanded
from edgeboot.inventory.importers.ansible.model import Inventory

_DEPTH = 50


def read(document: Any, where: str) -> Inventory:
    """The inventory of a parsed document; raises ``BadInput``."""
    hint = "write groups with 'hosts', 'children' and 'vars'"
    if not isinstance(document, Mapping):
        raise BadInput("not an inventory of Ansible", where=where, hint=hint)
    if "plugin" in document and not isinstance(document["plugin"], Mapping):
        what = f"a dynamic inventory (plugin {document['plugin']}): the hosts are not in the file"
        hint = "ansible-inventory --list --yaml -i FILE > hosts.yml, then import hosts.yml"
        raise BadInput(what, where=where, hint=hint)
    made = Inventory()
    for name, body in document.items():
        _group(made, str(name), body, where, 0)
    return made


def _group(made: Inventory, name: str, body: Any, where: str, depth: int) -> None:
    group = made.group(name)
    if body is None:
        return
    if not isinstance(body, Mapping) or depth > _DEPTH:
        made.notes[f"group '{name}': not a group of Ansible"] = None
        return
    group.variables.update(_mapping(body.get("vars")))
    for pattern, own in _named(body.get("hosts")).items():
        try:
            names, port = expanded(str(pattern))
        except ValueError as error:
            raise BadInput(f"invalid host: {error}", where=where, hint="correct the name") from None
        variables = {**({"ansible_port": port} if port else {}), **_mapping(own)}
        for host in names:
            made.add_host(host, name, variables)
    for child, below in _named(body.get("children")).items():
        group.children[str(child)] = None
        _group(made, str(child), below, where, depth + 1)
    for key in body:
        if key not in {"hosts", "vars", "children"}:
            made.notes[f"'{key}' of group '{name}': neither hosts, children nor vars"] = None


def _mapping(value: Any) -> dict[str, Any]:
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else {}


def _named(value: Any) -> Mapping[Any, Any]:
    """A mapping of names; a list and a single text name things without settings."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return {value: None}
    return (
        dict.fromkeys(v for v in value if isinstance(v, str | int))
        if isinstance(value, list)
        else {}
    )
