"""Threads that end quickly when work is stopped: queued work is dropped, running work aborted.

Signals are held back in the main thread while it deals with its workers. A handler that raises in
the middle of ``threading`` can leave a lock locked for ever, and a wait without end does not notice
every signal: of 650 pushes that were interrupted as they began, two hung.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
W = TypeVar("W")

_TICK = 0.1  # seconds; a wait without end would not notice every signal
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def nothing() -> None:
    """For work that needs no abort: it ends quickly by itself."""


class Workers:
    """A pool of threads, while ``workers`` lasts."""

    def __init__(self, pool: ThreadPoolExecutor, check: Callable[[], None]) -> None:
        self._pool = pool
        self._check = check

    def map(self, work: Callable[[W], T], things: Iterable[W]) -> list[T]:
        """The results in order; the first error as soon as there is one."""
        futures = [self._pool.submit(work, thing) for thing in things]
        waiting = set(futures)
        while waiting:
            self._check()
            done, waiting = wait(waiting, _TICK, FIRST_EXCEPTION)
            for future in done:
                future.result()
        return [future.result() for future in futures]


@contextmanager
def workers(count: int, abort: Callable[[], None] = nothing) -> Iterator[Workers]:
    """``count`` threads; ``abort`` ends what runs when the block is left by an error."""
    with _holding_signals() as check, ThreadPoolExecutor(count) as pool:
        try:
            yield Workers(pool, check)
        except BaseException:
            abort()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _holding_signals() -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM are handled when the function is called, and at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield nothing
        return
    arrived: list[tuple[signal.Signals, FrameType | None]] = []
    before = {
        number: signal.signal(number, lambda n, frame: arrived.append((signal.Signals(n), frame)))
        for number in _SIGNALS
        if callable(signal.getsignal(number))
    }

    def check() -> None:
        while arrived:
            number, frame = arrived.pop(0)
            handler = before[number]
            if callable(handler):
                handler(number, frame)

    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    check()
