"""The INI form of an inventory."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory.importers.ansible.hosts import expanded
from edgeboot.inventory.importers.ansible.model import Inventory

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_LITERAL = re.compile(r"""[-+]?[0-9][0-9_.]*|True|False|None|(["']).*\1|\[.*\]|\{.*\}""")


def read(text: str, where: str) -> Inventory:
    """The inventory; raises ``BadInput`` with the line."""
    made = Inventory()
    group, kind = "ungrouped", None
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        found = _SECTION.fullmatch(bare)
        if found:
            group, kind = found[1], found[2]
            made.group(group)
            if kind not in {None, "hosts", "vars", "children"}:
                made.notes[f"section [{group}:{kind}]: only hosts, vars and children are known"] = (
                    None
                )
            continue
        try:
            _entry(made, group, kind, bare)
        except (ValueError, RecursionError) as error:
            hint = "correct the line; `ansible-inventory --list -i FILE` shows what Ansible reads"
            raise BadInput(f"invalid line: {error}", where=f"{where}:{number}", hint=hint) from None
    return made


def _entry(made: Inventory, group: str, kind: str | None, line: str) -> None:
    if kind == "children":
        child = shlex.split(line, comments=True)[0]
        made.group(child)
        made.group(group).children[child] = None
    elif kind == "vars":
        key, _, value = line.partition("=")
        made.group(group).variables[key.strip()] = literal(value.strip())
    elif kind in {None, "hosts"}:
        words = shlex.split(line, comments=True)
        names, port = expanded(words[0])
        own: dict[str, Any] = {"ansible_port": port} if port else {}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"{key!r} is not key=value")
            own[key] = literal(value)
        for name in names:
            made.add_host(name, group, own)


def literal(text: str) -> Any:
    """A value as Ansible reads it: Python's literals, and text otherwise."""
    bare = text.split(" #")[0].strip() if not text.startswith(("'", '"')) else text
    if not _LITERAL.fullmatch(bare):
        quoted = re.fullmatch(r"""(["'])(.*?)\1\s+#.*""", text)
        return quoted[2] if quoted else bare
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in the text
            return ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return bare
