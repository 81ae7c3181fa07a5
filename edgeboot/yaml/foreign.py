"""YAML of other programs, read without the strictness of ours, but within bounds.

Every function raises ``ValueError`` for what is not YAML and for what is beyond the bounds: aliases
count as often as they are used, so that a bomb is refused before anything walks through it.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_BYTES = 64 << 20  # the indexes of large chart repositories have 20 MB
MAX_DEPTH = 100
MAX_VALUES = 5_000_000

_PLAIN = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # large indexes take minutes without C


class _Go(_PLAIN):  # type: ignore[misc, valid-type]
    """Reads values as Go's programs do: ``=`` and dates are text, unknown tags are ignored."""


def _untagged(loader: Any, node: Any) -> Any:
    """Return the plain value of a node with an unknown tag."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


for _tag in (None, "tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp"):
    _Go.add_constructor(_tag, _untagged)


def parse(data: bytes) -> Any:
    """The one document of another program."""
    return _loaded(data, _Go)


class Tagged(str):
    """A scalar with a tag of its program's own, such as Ansible's ``!vault``."""

    __slots__ = ("tag",)
    tag: str


class _WithTags(_Go):
    """The safe loader, with a ``Tagged`` in place of an error for a tag it does not know."""

    def tagged(self, suffix: str, node: yaml.Node) -> Tagged:
        made = Tagged(node.value if isinstance(node, yaml.ScalarNode) else "")
        made.tag = f"!{suffix}"
        return made

    def text(self, node: yaml.ScalarNode) -> str:
        return str(node.value)


_WithTags.add_multi_constructor("!", _WithTags.tagged)
_WithTags.add_constructor("!unsafe", _WithTags.text)
_WithTags.add_constructor("tag:yaml.org,2002:value", _WithTags.text)


def parse_tagged(data: bytes) -> Any:
    """The one document, with ``Tagged`` texts where it has tags of its program's own."""
    return _loaded(data, _WithTags)


def parse_all_tagged(data: bytes) -> list[Any]:
    """All documents, with ``Tagged`` texts."""
    return _all_loaded(data, _WithTags)


def parse_all(data: bytes) -> list[Any]:
    """All documents of another program."""
    return _all_loaded(data, _Go)


def parse_texts(data: bytes) -> Any:
    """The one document, with every scalar as the text it was written as: ``1.10`` stays text."""
    return _loaded(data, _BASE)


def parse_all_texts(data: bytes) -> list[Any]:
    """All documents, with every scalar as the text it was written as."""
    return _all_loaded(data, _BASE)


def _loaded(data: bytes, loader: Any) -> Any:
    check(data)
    try:
        return _within_bounds(yaml.load(data, Loader=loader))  # noqa: S506 - plain values only
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _all_loaded(data: bytes, loader: Any) -> list[Any]:
    check(data)
    try:
        documents = list(yaml.load_all(data, Loader=loader))
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    _within_bounds(documents)
    return documents


def check(data: bytes) -> None:
    """Refuses what is too large or too deep to be built: libyaml's composer would crash."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
    depth = 0
    try:
        for event in yaml.parse(data, Loader=_Go):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _within_bounds(document: Any) -> Any:
    """The document, if it is neither too deep nor, with all aliases written out, too large."""
    left, waiting = MAX_VALUES, [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            inner = list(value)
        else:
            continue
        left -= len(inner)
        if left < 0:
            raise ValueError(f"more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:  # through aliases
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        waiting += [(one, depth + 1) for one in inner if isinstance(one, dict | list | tuple)]
    return document


def dump(document: Any) -> str:
    """YAML for another program, keys in the order they have."""
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)
