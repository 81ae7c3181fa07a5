"""Threads that end soon when the work is stopped: what waits is dropped, what runs is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def nothing() -> None:
    """Work that ends by itself, soon."""


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
