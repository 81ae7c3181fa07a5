"""What runs just now, since when and how long still: the lines of a live display or of a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgeboot.events import (
    BytesFetched,
    BytesHandled,
    BytesSent,
    Event,
    PhaseEnded,
    PhaseStarted,
    StepEnded,
    StepStarted,
    WaitEnded,
    Waiting,
    WorkEnded,
    WorkStarted,
)

_NAMED = 4  # hosts named in one line; the others are counted


@dataclass(frozen=True)
class _Item:
    what: str
    began: float
    until: float | None = None


class Running:
    """Follows events; not safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._work: dict[str, _Item] = {}
        self._steps: dict[str, _Item] = {}
        self._waits: dict[str, _Item] = {}
        self._bytes: dict[str, tuple[int, int]] = {}  # by host, or by work on this machine
        self._local: dict[str, _Item] = {}

    def follow(self, event: Event) -> None:  # noqa: C901 - a table of events
        """Takes in what happened."""
        now = self._clock()
        match event:
            case StepStarted(node, step):
                self._forget(node)
                self._steps[node] = _Item(step, now)
            case StepEnded(node):
                self._forget(node)
            case WorkStarted(node, work, limit):
                self._work[node] = _Item(work, now, None if limit is None else now + limit)
            case WorkEnded(node):
                self._work.pop(node, None)
            case Waiting(node, reason, left):
                before = self._waits.get(node)
                began = before.began if before else now
                until = None if left is None else now + left
                self._waits[node] = _Item(f"waiting: {reason}", began, until)
            case WaitEnded(node):
                self._waits.pop(node, None)
            case PhaseStarted() | PhaseEnded():
                self._waits.clear()
            case BytesSent(node, _, done, total):
                self._bytes[node] = (done, total)
            case BytesFetched(name, done, total):
                self._on_this_machine(f"fetching {_short(name)}", done, total, now)
            case BytesHandled(work, name, done, total):
                self._on_this_machine(f"{work} {_short(name)}", done, total, now)

    def _forget(self, node: str) -> None:
        for known in (self._steps, self._waits, self._bytes):
            known.pop(node, None)

    def _on_this_machine(self, what: str, done: int, total: int, now: float) -> None:
        if done >= total:
            self._local.pop(what, None)
            self._bytes.pop(what, None)
            return
        self._local.setdefault(what, _Item(what, now))
        self._bytes[what] = (done, total)

    def lines(self, *, older: float = 0.0) -> list[str]:
        """One line for everything that has run ``older`` seconds; equal work of hosts is one."""
        now = self._clock()
        shown = {**self._work, **self._steps, **self._waits}  # the most telling last
        groups: dict[tuple[str, str], list[tuple[str, _Item]]] = {}
        for node, item in shown.items():
            if now - item.began >= older:
                groups.setdefault((item.what, self._share(node)), []).append((node, item))
        lines = []
        for (what, share), some in groups.items():
            times = _times([item for _, item in some], now)
            lines.append(f"{_names([node for node, _ in some])}: {what}{share}{times}")
        for what, item in self._local.items():
            if now - item.began >= older:
                lines.append(f"{what}{self._share(what)}{_times([item], now)}")
        return lines

    def _share(self, key: str) -> str:
        if key not in self._bytes:
            return ""
        done, total = self._bytes[key]
        return f": {done / (1 << 20):.1f} of {total / (1 << 20):.1f} MiB"


def _times(items: list[_Item], now: float) -> str:
    since = f", for {_span(now - min(item.began for item in items))}"
    ends = [item.until for item in items if item.until is not None]
    return f"{since}, at most {_span(max(0.0, max(ends) - now))} more" if ends else since


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _names(nodes: list[str]) -> str:
    named = ", ".join(nodes[:_NAMED])
    return f"{named} and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else named
