"""A sampling on its time axis: gauges, and the growth of counters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from edgeboot.answer import is_number, number
from edgeboot.errors import NotMeasured
from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.verify.measure.samples import Sample, Sampling, keyed
from edgeboot.verify.measure.usage import Reading, spread_of


class Window:
    """A sampling on its time axis."""

    def __init__(self, sampling: Sampling) -> None:
        self.all = sampling
        self.times = [self._uptime(sample) for sample in sampling.samples]
        self.seconds = self.times[-1] - self.times[0]
        if self.seconds <= 0:
            raise NotMeasured("the host's uptime did not advance")

    def _uptime(self, sample: Sample) -> float:
        lines = self.all.of(sample, "uptime")
        try:
            return float((lines or [""])[0].split()[0])
        except (ValueError, IndexError) as error:
            raise NotMeasured("the host did not report its uptime") from error

    def keys(self, sample: Sample, name: str) -> Mapping[str, int]:
        """The numbers of a file by their keys; empty where the file does not exist."""
        return keyed(self.all.of(sample, name) or [])

    def number(self, sample: Sample, name: str) -> int | None:
        """The number a file consists of; None where the file does not exist."""
        lines = self.all.of(sample, name)
        return number(lines[0].split()[0]) if lines and is_number(lines[0].split()[0]) else None

    def of_processes(
        self, sample: Sample, roles: Sequence[str] | frozenset[str], file: str, key: str
    ) -> dict[str, int]:
        """A value of each process with one of these roles."""
        found = {}
        for pid, role in self.all.roles.items():
            keys = keyed(sample.lines.get(f"/proc/{pid}/{file}", []))
            if role in roles and key in keys:
                found[pid] = keys[key]
        return found

    def gauge(self, name: str, take: Callable[[Sample], int | None], why: str) -> Reading:
        """A figure that each sample has a value of."""
        at = zip(self.times, map(take, self.all.samples), strict=True)
        series = tuple((t - self.times[0], v) for t, v in at if v is not None)
        if not series:
            raise NotMeasured(why)
        spread = spread_of([value for _, value in series])
        return Reading(getattr(spread, ALL_FIGURES[name].counts), spread, series)

    def rate(self, take: Callable[[Sample], float | None], why: str) -> Reading:
        """A counter: its growth a second, from sample to sample and over the window."""
        seen = [
            (t, v)
            for t, v in zip(self.times, map(take, self.all.samples), strict=True)
            if v is not None
        ]
        steps = [
            (t - self.times[0], (v - u) / (t - s))
            for (s, u), (t, v) in itertools.pairwise(seen)
            if t > s
        ]
        if not steps:
            raise NotMeasured(why)
        if any(value < 0 for _, value in steps):
            raise NotMeasured("K3s restarted during the window")
        mean = (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])
        series = tuple((t, round(v)) for t, v in steps)
        return Reading(round(mean), spread_of([v for _, v in series]), series)

    def started_at(self) -> float | None:
        """When K3s's process started, in seconds since 1970."""
        facts = self.all.facts
        for pid in (pid for pid, role in self.all.roles.items() if role == "k3s"):
            fields = process_stat(self.all.samples[0].lines.get(f"/proc/{pid}/stat", []))
            if fields and "clock" in facts:
                up_at_start = number(fields[19]) / number(facts.get("ticks", "100"))
                return float(facts["clock"]) - self.times[0] + up_at_start
        return None


def process_stat(lines: Sequence[str]) -> list[str]:
    """``/proc/PID/stat`` from field 3 on; the name before it may hold anything."""
    return lines[0].rpartition(") ")[2].split() if lines else []
