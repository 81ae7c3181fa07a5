"""Figures against limits, and a budget computed from figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.inventory.budget.values import ALL_FIGURES, Figure, Unit
from edgeboot.plan.steps import human_size
from edgeboot.verify.measure.usage import Usage


@dataclass(frozen=True)
class Verdict:
    """A figure against its limit; ``limit`` is None where nothing limits it."""

    what: str
    used: int
    limit: int | None

    @property
    def figure(self) -> Figure:
        """What is counted."""
        return ALL_FIGURES[self.what]

    @property
    def fits(self) -> bool:
        """Whether the figure is within the limit; equal is within."""
        if self.limit is None:
            return True
        return self.used >= self.limit if self.figure.at_least else self.used <= self.limit


def verdict(usage: Usage, name: str, limit: int | None) -> Verdict:
    """One figure against a limit; raises ``NotMeasured`` where it was not measured."""
    return Verdict(name, usage.value(name), limit)


_OF_MEMORY = frozenset(
    {"memory", "memory-pss", "memory-peak", "memory-available"}
    | {f"{part}.memory" for part in ("k3s", "containerd", "pods")}
)
_OF_CPU = frozenset({"cpu", *(f"{part}.cpu" for part in ("k3s", "containerd", "pods"))})


def beyond(name: str, limit: int | None, capacity: Mapping[str, int]) -> str:
    """Says so where a host does not have what its budget allows; empty where it does.

    ``capacity`` is the host's memory in bytes and its processors in thousandths.
    """
    whole = "memory" if name in _OF_MEMORY else "cpu" if name in _OF_CPU else ""
    has = capacity.get(whole, 0)
    if limit is None or not has or limit <= has:
        return ""
    less = f"the host has {shown(whole, has)}"
    if ALL_FIGURES[name].at_least:
        return f"cannot be met: {less}"
    return f"cannot be exceeded: {less}, and runs out before"


# What --record writes: figures that depend on K3s and its workload, not on what else the host does
# or has free.
RECORDED = ("memory", "memory-pss", "cpu", "disk", "image-store", "files", "startup")
_STEPS = {Unit.BYTES: 1 << 20, Unit.CPU: 10, Unit.TIME: 1000, Unit.COUNT: 10}


def recorded(usages: Iterable[Usage], margin: int) -> dict[str, int]:
    """Limits ``margin`` per cent above the largest use of any node, rounded up."""
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
