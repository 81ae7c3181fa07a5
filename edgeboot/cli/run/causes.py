"""One cause is told once: errors of several hosts that differ in the host alone become one."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.errors import EdgebootError

_NAMED = 6  # hosts named in one error; the others are counted


def by_cause(errors: Mapping[str, EdgebootError]) -> list[EdgebootError]:
    """The errors by node, those with the same cause and advice as one that names its hosts."""
    groups: dict[tuple[str, str, str], list[tuple[str, EdgebootError]]] = {}
    for node, error in errors.items():
        key = (error.error_id, error.what, error.hint or "")
        groups.setdefault(key, []).append((node, error))
    return [_one(some) for some in groups.values()]


def _one(some: list[tuple[str, EdgebootError]]) -> EdgebootError:
    first = some[0][1]
    if len(some) == 1:
        return first
    nodes = [node for node, _ in some]
    names = ", ".join(nodes[:_NAMED])
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    where = f"{len(nodes)} hosts ({names}{more})"
    return EdgebootError(first.what, where=where, hint=first.hint, error_id=first.error_id)
