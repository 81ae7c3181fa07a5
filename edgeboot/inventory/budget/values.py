"""What a budget can limit, in which unit, and the named budgets.

A limit is a whole number in the figure's unit: bytes, thousandths of a core, milliseconds,
hundredths of a per cent, thousandths (load), bytes a second, or a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from edgeboot.inventory.budget import quantities
from edgeboot.inventory.model import Budget, Role

_MIB = 1 << 20


class Unit(StrEnum):
    """What a figure counts."""

    BYTES = "bytes"
    CPU = "millicores"
    LOAD = "thousandths"
    PERCENT = "hundredths of a per cent"
    TIME = "milliseconds"
    RATE = "bytes a second"
    COUNT = "count"


@dataclass(frozen=True)
class Figure:
    """One thing a budget can limit; ``at_least`` where less is worse.

    ``counts`` says which of a window's values is held against the limit.
    """

    unit: Unit
    what: str
    counts: str
    at_least: bool = False


FIGURES: dict[str, Figure] = {
    "memory": Figure(Unit.BYTES, "memory K3s and containerd cannot give back", "max"),
    "memory-pss": Figure(Unit.BYTES, "proportional set size of their processes", "max"),
    "memory-peak": Figure(Unit.BYTES, "largest resident sizes since they started", "max"),
    "memory-available": Figure(Unit.BYTES, "what the host has left", "min", at_least=True),
    "cpu": Figure(Unit.CPU, "processor time of K3s and containerd", "mean"),
    "load": Figure(Unit.LOAD, "the host's load average over a minute", "max"),
    "throttled": Figure(Unit.PERCENT, "periods in which they hit their CPU quota", "mean"),
    "cpu-pressure": Figure(Unit.PERCENT, "time in which something waited for a CPU", "mean"),
    "memory-pressure": Figure(Unit.PERCENT, "time in which something waited for memory", "mean"),
    "io-pressure": Figure(Unit.PERCENT, "time in which something waited for a disk", "mean"),
    "disk": Figure(Unit.BYTES, "K3s's binary, K3s's data and edgeboot's record", "last"),
    "image-store": Figure(Unit.BYTES, "containerd's images and containers", "last"),
    "disk-free": Figure(Unit.BYTES, "what K3s's file system has left", "last", at_least=True),
    "files": Figure(Unit.COUNT, "open file descriptors of K3s and containerd", "max"),
    "writes": Figure(Unit.RATE, "written to the device that K3s's data is on", "mean"),
    "startup": Figure(Unit.TIME, "from the start of K3s until it was ready", "last"),
    "api-latency": Figure(Unit.TIME, "until the server's API has answered, through SSH", "median"),
}

# What single parts of K3s use. ``memory`` of a process is its proportional set size.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "k3s": ("memory", "cpu", "files", "writes"),
    "containerd": ("memory", "cpu", "files", "writes"),
    "pods": ("memory", "cpu"),
}

_OF_A_PART = {
    "memory": "memory of {}",
    "cpu": "processor time of {}",
    "files": "open file descriptors of {}",
    "writes": "written to disks by {}",
}
_PARTS = {
    "k3s": "K3s's own process",
    "containerd": "containerd and its shims",
    "pods": "all pods of the node",
}

ALL_FIGURES: dict[str, Figure] = FIGURES | {
    f"{part}.{name}": replace(FIGURES[name], what=_OF_A_PART[name].format(_PARTS[part]))
    for part, names in COMPONENTS.items()
    for name in names
}

DEFAULT = "k3s-profile"

NAMED: dict[str, dict[Role, Budget]] = {
    # K3s's resource profile (v1.26.5, docs: reference/resource-profiling): a server that has an
    # agent uses 1428 MB on a fast machine and 1215 MB on a Pi 4, an agent 275 and 268 MB; CPU 5 to
    # 25 % and 3 to 10 % of the machine. A site that knows better writes its own budget.
    DEFAULT: {
        Role.SERVER: Budget(memory=1600 * _MIB, cpu=1000, disk=4096 * _MIB),
        Role.AGENT: Budget(memory=300 * _MIB, cpu=500, disk=4096 * _MIB),
    },
    # What K3s's README promised in its first years: "512 MB of RAM per server, 75 MB of RAM per
    # node, 200 MB of disk space".
    "k3s-classic": {
        Role.SERVER: Budget(memory=512 * 10**6, disk=200 * 10**6),
        Role.AGENT: Budget(memory=75 * 10**6, disk=200 * 10**6),
    },
}


def parse_amount(unit: Unit, text: str) -> int:
    """A limit as people write it; ValueError says what is wrong."""
    match unit:
        case Unit.BYTES:
            return quantities.parse_bytes(text)
        case Unit.CPU | Unit.LOAD:
            return quantities.parse_cpu(text)
        case Unit.PERCENT:
            return quantities.parse_percent(text)
        case Unit.TIME:
            return quantities.parse_seconds(text)
        case Unit.RATE:
            return quantities.parse_bytes(text.removesuffix("/s"))
        case Unit.COUNT:
            return quantities.parse_count(text)


def write_amount(unit: Unit, number: int) -> str:
    """A limit exactly, in a form that ``parse_amount`` reads."""
    match unit:
        case Unit.BYTES:
            return quantities.format_bytes(number)
        case Unit.CPU:
            return quantities.format_cpu(number)
        case Unit.LOAD:
            return _decimal(number, 1000)
        case Unit.PERCENT:
            return f"{_decimal(number, 100)}%"
        case Unit.TIME:
            return f"{_decimal(number, 1000)}s"
        case Unit.RATE:
            return f"{quantities.format_bytes(number)}/s"
        case Unit.COUNT:
            return str(number)


def _decimal(number: int, factor: int) -> str:
    return f"{number / factor:.3f}".rstrip("0").rstrip(".")


def limits_of(budget: Budget) -> dict[str, int]:
    """All limits of a budget by figure, without those of its base."""
    own = {"memory": budget.memory, "cpu": budget.cpu, "disk": budget.disk}
    return {name: limit for name, limit in own.items() if limit is not None} | dict(budget.more)


def budget_of(limits: Mapping[str, int], base: str | None = None) -> Budget:
    """The budget with these limits."""
    more = {name: limit for name, limit in limits.items() if name not in {"memory", "cpu", "disk"}}
    return Budget(limits.get("memory"), limits.get("cpu"), limits.get("disk"), more, base)


def effective(role: Role, own: Budget) -> dict[str, int]:
    """The limits that count for a node: its own where it has them, else those of its base."""
    return limits_of(NAMED[own.base or DEFAULT][role]) | limits_of(own)
