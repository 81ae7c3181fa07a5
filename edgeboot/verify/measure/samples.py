"""The output of ``sample.sh`` as values, before any arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from edgeboot.answer import is_number, number, understood
from edgeboot.errors import NotMeasured


@dataclass
class Sample:
    """One look: lines by file, and open descriptors by role of process."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)


@dataclass
class Sampling:
    """A window of samples, with what all of them share; ``disk`` has bytes by path."""

    facts: dict[str, str] = field(default_factory=dict)  # method, ticks, clock, limit, boot, space
    names: dict[str, str] = field(default_factory=dict)  # our name -> file
    roles: dict[str, str] = field(default_factory=dict)  # process -> role
    samples: list[Sample] = field(default_factory=list)
    disk: dict[str, int] = field(default_factory=dict)

    def of(self, sample: Sample, name: str) -> list[str] | None:
        """The lines of a file in a sample; None where it did not exist."""
        return sample.lines.get(self.names.get(name, ""))


def parse_sampling(output: str) -> Sampling:
    """The samples in the output of ``sample.sh``; raises ``NotMeasured`` if incomplete."""
    said, end, _ = output.partition("\nend\n")
    if not end:
        raise NotMeasured("the samples are incomplete")
    found = Sampling()
    for line in said.splitlines():
        with understood(partial(_unreadable, line)):
            _read(found, line)
    if len(found.samples) < 2:
        raise NotMeasured(f"{len(found.samples)} samples are not enough")
    return found


def _unreadable(line: str, _why: str) -> NotMeasured:
    return NotMeasured(f"unreadable sample {line[:80]!r}")


def _read(found: Sampling, line: str) -> None:
    if line.startswith("/"):
        path, colon, rest = line.partition(":")
        if not colon or not found.samples:
            raise ValueError(line)
        found.samples[-1].lines.setdefault(path, []).append(rest)
        return
    key, _, rest = line.partition(" ")
    match key:
        case "sample":
            found.samples.append(Sample())
        case "read":
            name, path = rest.split(" ", 1)
            found.names[name] = path
        case "process":
            role, pid = rest.split(" ")
            found.roles[pid] = role
        case "files":
            role, count = rest.split(" ")
            files = found.samples[-1].files
            files[role] = files.get(role, 0) + number(count)
        case "disk":
            size, path = rest.split(" ", 1)
            found.disk[path] = number(size) * 1024
        case "method" | "ticks" | "clock" | "limit" | "boot" | "space":
            found.facts[key] = rest
        case _:
            raise ValueError(line)


def keyed(lines: list[str]) -> Mapping[str, int]:
    """Lines ``KEY NUMBER`` (``memory.stat``, ``/proc/meminfo`` …) by key, without colons."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) > 1 and is_number(words[1]):
            found[words[0].rstrip(":")] = number(words[1])
    return found
