"""Streams HTTP response bodies, and cuts off those that stall or are too slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import urllib3

from edgeboot.blob import CHUNK
from edgeboot.bundle.http.retry import TryAgain, reason

STALL = 60.0  # seconds without data, or with too little
_SLOWEST = 64  # bytes per second, on average over STALL


def nothing() -> None:
    """Never stop the stream."""


def flowing(
    raw: urllib3.BaseHTTPResponse, stall: float = STALL, check: Callable[[], None] = nothing
) -> Iterator[bytes]:
    """Yield a response body; raises TryAgain if it is cut off, stalls or is too slow.

    ``check`` raises if transfers were aborted.
    """
    began, since = time.monotonic(), 0
    while True:
        check()
        try:
            data = raw.read1(CHUNK, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            check()
            raise TryAgain(reason(error)) from error
        if not data:
            return
        yield data
        since += len(data)
        now = time.monotonic()
        if now - began >= stall:
            if since < _SLOWEST * (now - began):
                raise TryAgain(f"received only {since} bytes in {now - began:.0f} seconds")
            began, since = now, 0
