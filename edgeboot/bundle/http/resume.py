"""Continuing a blob where an earlier attempt or run stopped."""

from __future__ import annotations

import re
from collections.abc import Callable

from edgeboot.bundle.http.client import Response
from edgeboot.bundle.http.retry import TryAgain
from edgeboot.bundle.store.partial import Partial

_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:\*|([0-9]{1,15}))")
_PROGRESS = 1 << 20  # bytes that make an attempt count as progress

Arrived = Callable[[int], None]  # told how many bytes of a blob came; negative: thrown away


class TooLong(Exception):
    """More bytes came than the blob may have."""


def ignore(_count: int) -> None:
    """Tells nobody."""


def rest_of(partial: Partial) -> dict[str, str]:
    """The header that asks for what is missing."""
    return {"Range": f"bytes={partial.size}-"} if partial.size else {}


def append(
    response: Response, partial: Partial, limit: int, arrived: Arrived = ignore, *, exact: bool
) -> None:
    """Add what a response to a request with ``rest_of(partial)`` brings.

    The blob has ``limit`` bytes if ``exact``, at most ``limit`` otherwise. The response has status
    200, 206 or 416. Raises TryAgain where it breaks off or is another part, TooLong where there are
    more bytes; of those nothing is kept.
    """
    before = partial.size
    if response.status == 416:
        if partial.is_whole():
            return
        discard(partial, arrived)
        raise TryAgain("it does not have the rest of what is here", wait=0.0)
    if response.status == 206 and not _continues(response, before, limit if exact else None):
        discard(partial, arrived)
        raise TryAgain("it returned another part than was requested")
    if response.status == 200 and before:
        discard(partial, arrived)
    start = partial.size
    try:
        for chunk in response.chunks():
            if partial.size + len(chunk) > limit:
                discard(partial, arrived)
                raise TooLong
            partial.write(chunk)
            arrived(len(chunk))
        if exact and partial.size < limit:
            raise TryAgain(f"it ended after {partial.size} of {limit} bytes")
    except TryAgain as error:
        error.progress = partial.size - max(start, before) >= _PROGRESS
        raise


def discard(partial: Partial, arrived: Arrived = ignore) -> None:
    """Throw away what is here of a blob."""
    size = partial.size
    partial.reset()
    arrived(-size)


def _continues(response: Response, offset: int, size: int | None) -> bool:
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset:
        return False
    return size is None or match[2] in (None, str(size))
