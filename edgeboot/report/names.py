"""Names of many nodes in a few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBERED = re.compile(r"(.*?)([0-9]+)")
_SHORTEST_RUN = 3  # names: two are not shorter as a run


def names(nodes: Sequence[str]) -> str:
    """The names in their order, consecutive numbers as one run: ``server-1, agent-1 … agent-5``."""
    told: list[str] = []
    run: list[str] = []
    for node in nodes:
        if run and not _follows(run[-1], node):
            told += _folded(run)
            run = []
        run.append(node)
    return ", ".join(told + _folded(run))


def _folded(run: list[str]) -> list[str]:
    return run if len(run) < _SHORTEST_RUN else [f"{run[0]} … {run[-1]}"]


def _follows(before: str, after: str) -> bool:
    one, other = _NUMBERED.fullmatch(before), _NUMBERED.fullmatch(after)
    if one is None or other is None or one[1] != other[1]:
        return False
    return int(other[2]) == int(one[2]) + 1 and len(other[2]) - len(one[2]) in {0, 1}
