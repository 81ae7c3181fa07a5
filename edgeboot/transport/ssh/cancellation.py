"""Ends from one thread what others wait for: a host that is being connected to, a pause, an answer.

Established connections are not known here: closing them ends what waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgeboot.errors import Interrupted


class Cancellation:
    """Of one run; ``cancel`` may be called from any thread, and more than once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._cuts: dict[object, Callable[[], None]] = {}

    @property
    def asked(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._asked.is_set()

    def cancel(self) -> None:
        """Wakes every ``pause`` and cuts what is being waited for."""
        self._asked.set()
        with self._lock:
            cuts = tuple(self._cuts.values())
        for cut in cuts:
            cut()

    def check(self) -> None:
        """Raises ``Interrupted`` once ``cancel`` was called."""
        if self.asked:
            raise Interrupted("interrupted")

    def pause(self, seconds: float) -> None:
        """Sleeps, but not beyond ``cancel``: then it raises ``Interrupted``."""
        self._asked.wait(seconds)
        self.check()

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """Runs the block; ``cancel`` calls ``cut``, and the block's failure is ``Interrupted``."""
        token = object()
        with self._lock:
            self._cuts[token] = cut
        try:
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                del self._cuts[token]
