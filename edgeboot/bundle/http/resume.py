"""Resumes the download of a blob."""

from __future__ import annotations

import re
from collections.abc import Callable

from edgeboot.bundle.http.client import Response
from edgeboot.bundle.http.retry import TryAgain
from edgeboot.bundle.store.partial import Partial

_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:\*|([0-9]{1,15}))")
_PROGRESS = 1 << 20  # bytes that make an attempt count as progress

Arrived = Callable[[int], None]  # called with the bytes received; negative if discarded


class TooLong(Exception):
    """The response is longer than the blob."""


def ignore(_count: int) -> None:
    """Ignore progress."""


def rest_of(partial: Partial) -> dict[str, str]:
    """Return the Range header for the missing bytes; empty if nothing was received."""
    return {"Range": f"bytes={partial.size}-"} if partial.size else {}


def append(
    response: Response, partial: Partial, limit: int, arrived: Arrived = ignore, *, exact: bool
) -> None:
    """Append the response to a request with ``rest_of(partial)``; its status is 200, 206 or 416.

    The blob has ``limit`` bytes if ``exact``, at most ``limit`` otherwise. Raises TryAgain if the
    response is cut off or has another range, TooLong (and discards everything) if it is too long.
    """
    before = partial.size
    if response.status == 416:
        if partial.is_whole():
            return
        discard(partial, arrived)
        raise TryAgain("the server cannot resume: its file is different or shorter", wait=0.0)
    if response.status == 206 and not _continues(response, before, limit if exact else None):
        discard(partial, arrived)
        raise TryAgain("the server returned another range than requested")
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
            raise TryAgain(f"the response ended after {partial.size} of {limit} bytes")
    except TryAgain as error:
        error.progress = partial.size - max(start, before) >= _PROGRESS
        raise


def discard(partial: Partial, arrived: Arrived = ignore) -> None:
    """Discard the received bytes of a blob."""
    size = partial.size
    partial.reset()
    arrived(-size)


def _continues(response: Response, offset: int, size: int | None) -> bool:
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset:
        return False
    return size is None or match[2] in (None, str(size))
