"""Bytes of an HTTP answer as they come, cut off where they stall or drip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import urllib3

from edgeboot.blob import CHUNK
from edgeboot.bundle.http.retry import TryAgain, reason

STALL = 60.0  # seconds without a byte, or with too few of them
_SLOWEST = 64  # bytes a second: what is slower for a whole stall time is a drip, not a link


def nothing() -> None:
    """Nobody stops the flow."""


def flowing(
    raw: urllib3.BaseHTTPResponse, stall: float = STALL, check: Callable[[], None] = nothing
) -> Iterator[bytes]:
    """The body as it comes; raises TryAgain where it breaks off, stalls or drips.

    ``check`` raises where all has been stopped meanwhile.
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
                raise TryAgain(f"only {since} bytes came in {now - began:.0f} seconds")
            began, since = now, 0
