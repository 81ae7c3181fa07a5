"""A chart and its enabled subcharts with the values each would be rendered with (Helm: Values)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.bundle.charts.chart_yaml import Dependency, Metadata, read
from edgeboot.bundle.charts.package import Files
from edgeboot.bundle.charts.vendoring import subcharts
from edgeboot.errors import BadInput, Refused
from edgeboot.yaml import strict

_NODES_MAX = 200_000  # aliases can make a small file a large tree
Values = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """A chart as it is rendered: ``path`` is where it lies in the outermost chart."""

    path: str
    metadata: Metadata
    files: Files
    values: Values
    subscopes: tuple[Scope, ...] = ()

    def all(self) -> Iterator[Scope]:
        """Itself and everything below it."""
        yield self
        for scope in self.subscopes:
            yield from scope.all()


def scope_of(files: Files, values: str | None, what: str) -> Scope:
    """The scopes of a complete chart with the values it is to be installed with."""
    given = _parsed((values or "").encode(), "the values")
    return _scope(files, given, given.get("tags"), what, "")


def _scope(files: Files, given: Values, tags: object, what: str, path: str) -> Scope:
    metadata = read(files, what)
    values = merged(_parsed(files.get("values.yaml", b""), f"{what}: values.yaml"), given)
    tags = tags if tags is not None else values.get("tags")
    wanted = metadata.dependencies
    below = []
    for sub in subcharts(files, what):
        named = [d for d in wanted if d.name == sub.metadata.name]
        keys = [d.key for d in named if _enabled(d, values, tags)] if named else [sub.metadata.name]
        for key in keys:
            inner = values.get(key)
            inner = dict(inner) if isinstance(inner, dict) else {}
            if isinstance(values.get("global"), dict):
                inner["global"] = merged(inner.get("global") or {}, values["global"])
            label = f"{path}{sub.path}/"
            below.append(_scope(sub.files, inner, tags, f"{what}: {sub.path}", label))
    return Scope(path, metadata, files, values, tuple(below))


def _parsed(data: bytes, where: str) -> Values:
    try:
        document = strict.parse_foreign(data)
    except ValueError as error:
        raise BadInput(f"{where} is not YAML: {str(error)[:200]}") from None
    if not isinstance(document, dict | None):
        raise BadInput(f"{where} is no mapping")
    pending: list[Any] = [document]
    for _ in range(_NODES_MAX):
        if not pending:
            return document or {}
        node = pending.pop()
        pending += node.values() if isinstance(node, dict) else node if _is_list(node) else ()
    raise Refused(f"{where} has more than {_NODES_MAX} values")


def _is_list(node: object) -> bool:
    return isinstance(node, list)


def merged(base: Values, over: Mapping[str, Any]) -> Values:
    """Helm's merge: mappings key by key, all else is replaced, null removes."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _enabled(dependency: Dependency, values: Values, tags: object) -> bool:
    """Conditions first: the first that is there decides; else tags; else yes."""
    for path in filter(None, map(str.strip, dependency.condition.split(","))):
        found = lookup(values, path.split("."))
        if isinstance(found, bool):
            return found
    said = [tags[t] for t in dependency.tags if t in tags] if isinstance(tags, dict) else []
    return not said or any(flag is True for flag in said)


def lookup(values: object, path: list[str]) -> object:
    """What stands at a path; None where nothing does."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values
