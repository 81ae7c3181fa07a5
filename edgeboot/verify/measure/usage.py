"""What a node used over a window: figures with their spread, or why they are missing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgeboot.errors import NotMeasured

Series = tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Spread:
    """A figure's distribution over the window."""

    min: int
    median: int
    p95: int
    max: int


@dataclass(frozen=True)
class Reading:
    """A figure: the value to compare with a limit, its spread, and (seconds, value) by sample."""

    value: int
    spread: Spread | None = None
    series: Series = ()


@dataclass(frozen=True)
class Unmeasured:
    """A figure that was not measured, and why."""

    why: str


@dataclass(frozen=True)
class Usage:
    """What a node used over ``seconds``; ``disk`` has bytes by directory.

    ``began`` is the host's uptime in seconds when the window began;
    ``started_at`` is when K3s's process began, in seconds since 1970 by the host's clock.
    """

    seconds: float
    method: str  # cgroup, or processes: a sum, where the service shares its cgroup
    figures: Mapping[str, Reading | Unmeasured]
    disk: Mapping[str, int]
    started_at: float | None = None
    began: float = 0.0

    def with_figure(self, name: str, reading: Reading | Unmeasured) -> Usage:
        """A copy with one more figure."""
        return replace(self, figures={**self.figures, name: reading})

    def value(self, name: str) -> int:
        """A figure; raises ``NotMeasured`` where it was not measured."""
        reading = self.figures.get(name, Unmeasured("unknown figure"))
        if isinstance(reading, Unmeasured):
            raise NotMeasured(reading.why)
        return reading.value


def spread_of(values: Sequence[int]) -> Spread:
    """The spread of one or more values; p95 is the smallest value that 95 % do not exceed."""
    ordered = sorted(values)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return Spread(ordered[0], int(statistics.median(ordered)), p95, ordered[-1])
