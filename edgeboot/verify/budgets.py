"""What a node may use, what it used, and whether that fits. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.inventory.model import Budget, Role

MIB = 1 << 20

# K3s's resource profile (v1.26.5, docs: reference/resource-profiling): a server that has an agent
# uses 1428 MB on a fast machine and 1215 MB on a Pi 4, an agent 275 and 268 MB; CPU 5 to 25 % and
# 3 to 10 % of the machine. A site that knows better writes its own budget.
DEFAULTS = {
    Role.SERVER: Budget(memory=1600 * MIB, cpu=1000, disk=4096 * MIB),
    Role.AGENT: Budget(memory=300 * MIB, cpu=500, disk=4096 * MIB),
}


@dataclass(frozen=True)
class Sample:
    """One look: seconds since boot, bytes that cannot be taken away, CPU seconds so far."""

    at: float
    memory: int
    cpu: float


@dataclass(frozen=True)
class Usage:
    """What a node's K3s used over a window: median and peak bytes, millicores, bytes on disk."""

    seconds: float
    memory_median: int
    memory_peak: int
    cpu: int
    disk: int


@dataclass(frozen=True)
class Verdict:
    """One budget: what was used of it. ``limit`` None means that there is none."""

    what: str  # memory, cpu, disk
    used: int
    limit: int | None

    @property
    def fits(self) -> bool:
        """Whether the use is within the limit."""
        return self.limit is None or self.used <= self.limit


def effective(role: Role, own: Budget) -> Budget:
    """A node's budget: its own where the inventory gives one, else that of its role."""
    default = DEFAULTS[role]
    return Budget(
        memory=default.memory if own.memory is None else own.memory,
        cpu=default.cpu if own.cpu is None else own.cpu,
        disk=default.disk if own.disk is None else own.disk,
    )


def parse_usage(output: str) -> Usage:
    """The use in the output of ``measure.sh``; ``NotMeasured`` where it is not all there."""
    samples: list[Sample] = []
    disk: list[int] = []
    for line in output.splitlines():
        words = line.split(" ", 3)
        try:
            if words[0] == "sample":
                at, memory, cpu = (int(word) for word in words[1:4])
                samples.append(Sample(at / 100, memory, cpu / 1e9))
            elif words[0] == "disk":
                disk.append(int(words[1]))
        except (ValueError, IndexError) as error:
            raise NotMeasured(f"unreadable sample {line!r}") from error
    if len(samples) < 2 or not disk:
        raise NotMeasured(f"only {len(samples)} samples and {len(disk)} disk figures came back")
    return usage_of(samples, sum(disk))


def usage_of(samples: Sequence[Sample], disk: int) -> Usage:
    """The use over a window of at least two samples."""
    first, last = samples[0], samples[-1]
    seconds = last.at - first.at
    if seconds <= 0:
        raise NotMeasured("the host's uptime does not advance")
    memory = [sample.memory for sample in samples]
    return Usage(
        seconds=seconds,
        memory_median=int(statistics.median(memory)),
        memory_peak=max(memory),
        cpu=round((last.cpu - first.cpu) / seconds * 1000),
        disk=disk,
    )


def verdicts(usage: Usage, budget: Budget) -> tuple[Verdict, ...]:
    """Every budget against the use. Memory counts by its peak: that is what kills a small board."""
    return (
        Verdict("memory", usage.memory_peak, budget.memory),
        Verdict("cpu", usage.cpu, budget.cpu),
        Verdict("disk", usage.disk, budget.disk),
    )
