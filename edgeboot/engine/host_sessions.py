"""A run's grip on its hosts: their locks, and getting both back where a connection breaks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edgeboot.engine.fleet import WORKERS, on_all
from edgeboot.engine.observe import new_run, observe, observe_locked
from edgeboot.errors import EdgebootError, Unreachable
from edgeboot.events import Listener, Waiting
from edgeboot.plan.facts import Facts
from edgeboot.transport.base import Held, Transport


@dataclass(frozen=True)
class Pace:
    """How a run goes about its hosts.

    ``uploads`` at a time share the controller's uplink. After a cut a host is tried again for
    ``patience`` seconds, with pauses that double from ``pause`` to ``longest``; after ``attempts``
    cuts in a row between which nothing got done the host is given up. ``bystanders`` are read, and
    neither locked nor changed. With ``skip_unreachable`` the others go on without a host that is
    lost, unless it is the first server.
    """

    parallel: int = WORKERS
    uploads: int = 5
    patience: float = 0.0
    attempts: int = 5
    pause: float = 1.0
    longest: float = 30.0
    skip_unreachable: bool = False
    bystanders: frozenset[str] = frozenset()
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


STEADY = Pace()


class Grip:
    """The hosts of one run. Methods may be called for different hosts at the same time."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        pace: Pace,
        tell: Listener,
        targets: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.transports = transports
        self._targets = targets or {}
        self.pace = pace
        self._tell = tell
        self._run = new_run()
        self._held: dict[str, Held] = {}
        self._guard = threading.Lock()
        self._released = False

    def take(self, names: Iterable[str]) -> tuple[dict[str, Facts], dict[str, EdgebootError]]:
        """Locks and observes hosts; what failed is returned beside what did not."""
        return on_all(names, self._take_persistently, workers=self.pace.parallel)

    def look(self, name: str) -> Facts:
        """A host's facts anew, while its lock is held."""
        try:
            return observe(self.transports[name], self._targets.get(name, ()))
        except Unreachable as error:
            return self.back(name, error)

    def check(self, name: str) -> None:
        """``Unreachable`` where a host's lock is gone: this process slept, or its link did.

        Then ``back`` finds out whether somebody else has been there, and what there is to do now.
        """
        held = self._held.get(name)
        if held is not None and not held.alive:
            raise Unreachable("its lock was lost", where=name, hint="run the same command again")

    def back(self, name: str, error: Unreachable) -> Facts:
        """Gets back to a host whose connection broke, takes its lock again, reads it anew.

        ``Unreachable`` where that lasts too long, ``Refused`` where somebody else was faster.
        """
        began, pause = self.pace.clock(), self.pace.pause
        while self.pace.clock() - began < self.pace.patience:
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - so that hosts do not come at once
            self._tell(Waiting(name, f"{error.what}; trying again in {wait:.0f} s"))
            self.pace.sleep(wait)
            try:
                self.transports[name].reconnect()
                return self._take(name)
            except Unreachable as again:
                error = again
            pause = min(pause * 2, self.pace.longest)
        raise error

    def release(self) -> None:
        """Gives all locks back; never raises."""
        with self._guard:
            self._released = True
            held = tuple(self._held.values())
        on_all(map(str, range(len(held))), lambda number: held[int(number)].release())

    def _take_persistently(self, name: str) -> Facts:
        try:
            return self._take(name)
        except Unreachable as error:
            return self.back(name, error)

    def _take(self, name: str) -> Facts:
        transport = self.transports[name]
        if name in self.pace.bystanders:
            return observe(transport, self._targets.get(name, ()))
        facts, held = observe_locked(transport, self._run, self._targets.get(name, ()))
        with self._guard:
            self._held[name] = held
            too_late = self._released
        if too_late:
            held.release()
        return facts
