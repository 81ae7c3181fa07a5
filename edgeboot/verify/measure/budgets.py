"""Whether what a node used fits what it may use; and a budget from what was used. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.inventory.budget.values import ALL_FIGURES, Figure, Unit
from edgeboot.plan.steps import human_size
from edgeboot.verify.measure.usage import Usage


@dataclass(frozen=True)
class Verdict:
    """One budget: what was used of it. ``limit`` None means that there is none."""

    what: str
    used: int
    limit: int | None

    @property
    def figure(self) -> Figure:
        """What is counted."""
        return ALL_FIGURES[self.what]

    @property
    def fits(self) -> bool:
        """Whether the use is within the limit; the limit itself is."""
        if self.limit is None:
            return True
        return self.used >= self.limit if self.figure.at_least else self.used <= self.limit


def verdict(usage: Usage, name: str, limit: int | None) -> Verdict:
    """One figure against a limit; ``NotMeasured`` where it could not be had."""
    return Verdict(name, usage.value(name), limit)


# Recorded as a site's own budget: what depends on K3s and its work, not on what the host happens
# to have free or to be doing besides.
RECORDED = ("memory", "memory-pss", "cpu", "disk", "image-store", "files", "startup")
_STEPS = {Unit.BYTES: 1 << 20, Unit.CPU: 10, Unit.TIME: 1000, Unit.COUNT: 10}


def recorded(usages: Iterable[Usage], margin: int) -> dict[str, int]:
    """Limits a ``margin`` per cent above the most that any of some nodes used, in round numbers."""
    most: dict[str, int] = {}
    for usage in usages:
        for name in RECORDED:
            try:
                most[name] = max(most.get(name, 0), usage.value(name))
            except NotMeasured:
                continue
    return {name: _rounded(name, value * (100 + margin) // 100) for name, value in most.items()}


def _rounded(name: str, value: int) -> int:
    step = _STEPS[ALL_FIGURES[name].unit]
    return max(step, -(-value // step) * step)


def shown(what: str, number: int) -> str:
    """A figure with its unit, for people."""
    match ALL_FIGURES[what].unit:
        case Unit.BYTES:
            return human_size(number)
        case Unit.CPU:
            return f"{number}m"
        case Unit.LOAD:
            return f"{number / 1000:.2f}"
        case Unit.PERCENT:
            return f"{number / 100:.2f} %"
        case Unit.TIME:
            return f"{number / 1000:.2f} s"
        case Unit.RATE:
            return f"{human_size(number)}/s"
        case Unit.COUNT:
            return str(number)
