"""Threads that end quickly when work is stopped: queued work is dropped, running work aborted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def nothing() -> None:
    """For work that needs no abort: it ends quickly by itself."""


@contextmanager
def workers(count: int, abort: Callable[[], None] = nothing) -> Iterator[ThreadPoolExecutor]:
    """A pool of ``count`` threads; ``abort`` ends what runs when the block is left by an error."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            abort()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
