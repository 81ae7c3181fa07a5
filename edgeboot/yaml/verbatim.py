"""Other programs' YAML that is read, changed in places, and written with the same meaning.

Every scalar that is not touched keeps its text, its quotes and its type: ``1e3``, ``on`` and a date
come out as they went in, whichever YAML the next reader speaks. Comments are lost.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from edgeboot.yaml import foreign

# Text that one YAML or another takes for a number, a boolean or nothing is quoted when we write it.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+=@:-]*[A-Za-z0-9_/+=-]")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_STR = "tag:yaml.org,2002:str"


class Verbatim(str):
    """A scalar as it was written; it compares as its text."""

    __slots__ = ("style", "tag")
    style: str | None
    tag: str

    @classmethod
    def of(cls, node: yaml.ScalarNode) -> Verbatim:
        """The scalar of a node."""
        made = cls(node.value)
        made.style, made.tag = node.style, node.tag
        return made


def parse(data: bytes) -> Any:
    """Mappings, lists and ``Verbatim`` texts; None for an empty document.

    ``ValueError`` for anything but one YAML document whose mappings have each key once.
    """
    foreign.check(data)
    try:
        node = yaml.compose(data, Loader=yaml.SafeLoader)
        return None if node is None else _value(node, {})
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _value(node: yaml.Node, seen: dict[int, Any]) -> Any:
    if id(node) in seen:  # an alias: the same object, so that it is written as one again
        return seen[id(node)]
    if isinstance(node, yaml.ScalarNode):
        return Verbatim.of(node)
    if isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        seen[id(node)] = items
        items += (_value(item, seen) for item in node.value)
        return items
    mapping: dict[str, Any] = {}
    seen[id(node)] = mapping
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"line {key.start_mark.line + 1}: invalid key")
        if key.value in mapping:
            raise ValueError(f"line {key.start_mark.line + 1}: duplicate key {key.value!r}")
        mapping[Verbatim.of(key)] = _value(value, seen)
    return mapping


def dump(document: Any) -> bytes:
    """The document as YAML, keys in the order they have."""
    text = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True
    )
    return str(text).encode()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return isinstance(data, str) or bool(super().ignore_aliases(data))

    def verbatim(self, data: Verbatim) -> yaml.Node:
        return yaml.ScalarNode(data.tag, str(data), style=data.style)

    def text(self, data: str) -> yaml.Node:
        plain = _PLAIN.fullmatch(data) and data.lower() not in _WORDS
        return yaml.ScalarNode(_STR, data, style=None if plain else '"')


_Dumper.add_representer(Verbatim, _Dumper.verbatim)
_Dumper.add_representer(str, _Dumper.text)
