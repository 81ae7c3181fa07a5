"""What a node used over a window: figures with their spread, or why they could not be had."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgeboot.errors import NotMeasured

Series = tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Spread:
    """How a figure was spread over the window."""

    min: int
    median: int
    p95: int
    max: int


@dataclass(frozen=True)
class Reading:
    """A figure: the value held against a limit, its spread, and (seconds, value) by sample."""

    value: int
    spread: Spread | None = None
    series: Series = ()


@dataclass(frozen=True)
class Unmeasured:
    """A figure that could not be had, and why."""

    why: str


@dataclass(frozen=True)
class Usage:
    """What a node used over ``seconds``; ``disk`` has bytes by directory.

    ``began`` is the host's uptime in seconds when the window began;
    ``started_at`` is when K3s's process began, in seconds since 1970 by the host's clock.
    """

    seconds: float
    method: str  # cgroup, or processes: summed up, where the service shares its cgroup
    figures: Mapping[str, Reading | Unmeasured]
    disk: Mapping[str, int]
    started_at: float | None = None
    began: float = 0.0

    def with_figure(self, name: str, reading: Reading | Unmeasured) -> Usage:
        """The same with one figure more."""
        return replace(self, figures={**self.figures, name: reading})

    def value(self, name: str) -> int:
        """A figure; ``NotMeasured`` where it could not be had."""
        reading = self.figures.get(name, Unmeasured("nothing measures it"))
        if isinstance(reading, Unmeasured):
            raise NotMeasured(reading.why)
        return reading.value


def spread_of(values: Sequence[int]) -> Spread:
    """The spread of at least one value; p95 is the smallest that 95 % do not exceed."""
    ordered = sorted(values)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return Spread(ordered[0], int(statistics.median(ordered)), p95, ordered[-1])
