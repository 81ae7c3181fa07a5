"""The hosts of one run: their locks, and reconnecting where a connection breaks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgeboot.engine.fleet import WORKERS, on_all
from edgeboot.engine.observe import new_run, observe, observe_locked
from edgeboot.errors import EdgebootError, Unreachable
from edgeboot.events import Listener, Waiting
from edgeboot.plan.facts import Facts
from edgeboot.transport.base import Held, Transport


class Runs(Protocol):
    """Names new runs, and knows which earlier ones of the same controller have ended."""

    def begin(self) -> str:
        """A random name, under which a run may take over its own lock after a reconnect."""

    def is_dead(self, _run: str, /) -> bool:
        """Whether a run was this controller's and has ended: its lock may be taken."""


class UnrecordedRuns:
    """Runs that nobody remembers."""

    def begin(self) -> str:
        """A random name."""
        return new_run()

    def is_dead(self, _run: str, /) -> bool:
        """Unknown, so no."""
        return False


@dataclass(frozen=True)
class RunPolicy:
    """How a run treats its hosts.

    At most ``uploads`` hosts share the controller's uplink. A lost host is reconnected for
    ``patience`` seconds, with pauses that double from ``pause`` to ``longest``; after ``attempts``
    cuts in a row without progress it is given up. ``read_only`` hosts are read, but neither locked
    nor changed. With ``skip_unreachable`` the run continues without lost hosts that can be spared.
    """

    parallel: int = WORKERS
    uploads: int = 5
    patience: float = 0.0
    attempts: int = 5
    pause: float = 1.0
    longest: float = 30.0
    skip_unreachable: bool = False
    read_only: frozenset[str] = frozenset()
    runs: Runs = field(default_factory=UnrecordedRuns)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


DEFAULT_POLICY = RunPolicy()


def facts_alone(_transport: Transport, facts: Facts) -> Facts:
    """For operations that need no more of a host than its facts."""
    return facts


class HostSessions:
    """The hosts of one run. Methods may be called for different hosts at the same time.

    ``read`` reads what an operation needs beside a host's facts, whenever they are read: ``take``,
    ``look`` and ``back`` return what it returns.
    """

    def __init__(
        self,
        transports: Mapping[str, Transport],
        policy: RunPolicy,
        tell: Listener,
        targets: Mapping[str, tuple[str, ...]] | None = None,
        read: Callable[[Transport, Facts], Any] = facts_alone,
    ) -> None:
        self.transports = transports
        self._targets = targets or {}
        self._read = read
        self.policy = policy
        self._tell = tell
        self._run = policy.runs.begin()
        self._held: dict[str, Held] = {}
        self._guard = threading.Lock()
        self._released = False

    def take(self, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, EdgebootError]]:
        """Locks and observes hosts; returns facts and errors by name."""
        return on_all(names, self._take_persistently, workers=self.policy.parallel)

    def look(self, name: str) -> Any:
        """Reads a host's facts again, while its lock is held."""
        try:
            return self._observe(name)
        except Unreachable as error:
            return self.back(name, error)

    def check(self, name: str) -> None:
        """``Unreachable`` if a host's lock is gone, after this process or the link was suspended.

        Then ``back`` finds out whether another run has the host, and what is left to do.
        """
        held = self._held.get(name)
        if held is not None and not held.alive:
            raise Unreachable("lost the lock on this host", where=name, hint="rerun")

    def back(self, name: str, error: Unreachable) -> Any:
        """Reconnects to a host, locks it again, and reads it again.

        ``Unreachable`` if that takes too long, ``Refused`` if another run has locked it meanwhile.
        """
        began, pause = self.policy.clock(), self.policy.pause
        while self.policy.clock() - began < self.policy.patience:
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - so that hosts do not come at once
            self._tell(Waiting(name, f"{error.what}; retrying in {wait:.0f} s"))
            self.policy.sleep(wait)
            try:
                self.transports[name].reconnect()
                return self._take(name)
            except Unreachable as again:
                error = again
            pause = min(pause * 2, self.policy.longest)
        raise error

    def release(self) -> None:
        """Releases all locks; never raises."""
        with self._guard:
            self._released = True
            held = tuple(self._held.values())
        on_all(map(str, range(len(held))), lambda number: held[int(number)].release())

    def _take_persistently(self, name: str) -> Any:
        try:
            return self._take(name)
        except Unreachable as error:
            return self.back(name, error)

    def _observe(self, name: str) -> Any:
        transport = self.transports[name]
        return self._read(transport, observe(transport, self._targets.get(name, ())))

    def _take(self, name: str) -> Any:
        if name in self.policy.read_only:
            return self._observe(name)
        transport = self.transports[name]
        facts, held = observe_locked(
            transport, self._run, self._targets.get(name, ()), self.policy.runs.is_dead
        )
        with self._guard:
            self._held[name] = held
            too_late = self._released
        if too_late:
            held.release()
        return self._read(transport, facts)
