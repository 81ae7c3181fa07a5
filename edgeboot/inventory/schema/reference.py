"""docs/inventory.md, made of the JSON Schema, so that it cannot say what the loader does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeboot.inventory.schema.document import json_schema
from edgeboot.inventory.secrets import REFERENCE

_TITLES = {
    "cluster": "cluster",
    "datastore": "cluster.datastore: where an external one is",
    "node": "nodes: each entry",
    "settings": "defaults, roles, groups: what nodes share",
    "ssh": "ssh",
    "jump": "ssh.jump",
    "budget": "budget",
    "storage": "storage",
    "time": "time",
    "file": "files: each entry",
    "hook": "hooks: each entry",
    "config": "config: K3s's own keys",
}

_HEAD = """\
# The inventory

Made from the schema by `edgeboot inventory schema --markdown`; do not edit it here. For editors:

```sh
edgeboot inventory schema > inventory.schema.json
edgeboot inventory check -i inventory.yml
```

A node has what `defaults` say, then what `roles` says of its role, then its `groups` in order, then
its own entry; the later wins. Numbers count in binary units: `512Mi`, `1Gi`; cores are
`0.5` or `500m`.
"""


def markdown() -> str:
    """The whole document."""
    schema = json_schema()
    parts = [_HEAD, "\n".join(("## At the top", "", *_table(schema)))]
    for name, title in _TITLES.items():
        parts.append("\n".join((f"## {title}", "", *_table(schema["$defs"][name]))))
        if name == "cluster":
            parts += _below(name, schema["$defs"][name], "###")
    return "\n".join(f"{part.rstrip()}\n" for part in parts)


def _below(path: str, schema: Mapping[str, Any], mark: str) -> Iterator[str]:
    """A table for each mapping below one, named by its path; ``*`` is a name of one's own."""
    for key, value in schema.get("properties", {}).items():
        yield from _part(f"{path}.{key}", value, mark)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        yield from _part(f"{path}.*", more, mark)


def _part(path: str, schema: Mapping[str, Any], mark: str) -> Iterator[str]:
    for one in schema.get("oneOf", (schema,)):
        if _is_secret(one):
            continue
        inner = one.get("items", one)
        if "properties" in inner:
            yield "\n".join((f"{mark} {path}", "", *_table(inner)))
        yield from _below(path, inner, mark)


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | value | |"
    yield "| --- | --- | --- |"
    for key, value in schema["properties"].items():
        needed = "required. " if key in schema["required"] else ""
        yield f"| `{key}` | {_value(value)} | {needed}{value.get('description', '')} |"


def _value(schema: Mapping[str, Any]) -> str:
    if _is_secret(schema):
        return "`{file: PATH}` or `{env: NAME}`"
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _TITLES.get(name, name).partition(":")[0]
    if "oneOf" in schema:
        return " or ".join(_value(one) for one in schema["oneOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind: str | list[str] = schema.get("type", "mapping")
    if kind == "array":
        return f"list of {_value(schema['items'])}"
    if isinstance(kind, list):
        return " or ".join(map(_word, kind))
    return _word(kind)


def _is_secret(schema: Mapping[str, Any]) -> bool:
    own = {key: value for key, value in schema.items() if key != "description"}
    return own == {k: v for k, v in REFERENCE.schema.items() if k != "description"}


def _word(kind: str) -> str:
    words = {"string": "text", "object": "mapping", "boolean": "true or false"}
    return words.get(kind, kind)
