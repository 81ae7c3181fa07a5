"""Retries of requests: for which responses, how long to wait, how often."""

from __future__ import annotations

import email.utils
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from edgeboot.errors import StepFailed

ATTEMPTS = 4
WAIT_MAX = 60.0  # seconds, even if the server asks for more
_WHICH = re.compile(r"^\w+\(host='[^']*', port=\d+\): ")  # urllib3 puts its class names first
STATUSES = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


class TryAgain(Exception):
    """An attempt failed for a reason that may be temporary.

    ``wait`` is the delay in seconds that the server asked for. ``progress`` means that the attempt
    advanced the transfer, so attempts are counted from one again.
    """

    def __init__(self, problem: str, wait: float | None = None, *, progress: bool = False) -> None:
        super().__init__(problem)
        self.wait = wait
        self.progress = progress


def retrying(
    what: str,
    once: Callable[[], T],
    sleep: Callable[[float], object],
    *,
    hint: str,
    attempts: int = ATTEMPTS,
) -> T:
    """Call ``once`` until it no longer raises TryAgain, with exponential backoff and jitter.

    Returns its result; raises StepFailed, naming ``what``, after ``attempts`` failures in a row.
    """
    failed = 0
    while True:
        try:
            return once()
        except TryAgain as error:
            failed = 1 if error.progress else failed + 1
            if failed >= attempts:
                tried = f" ({attempts} attempts)" if attempts > 1 else ""
                raise StepFailed(f"cannot fetch {what}: {error}{tried}", hint=hint) from error
            wait = 2.0**failed * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            sleep(min(error.wait if error.wait is not None else wait, WAIT_MAX))


def retry_after(value: str) -> float | None:
    """Parse ``Retry-After``, seconds or a date; returns seconds, or None if invalid."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:  # "-0000": in UTC, and nothing said of the place (RFC 5322)
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def reason(error: BaseException) -> str:
    """Return the innermost cause in one line; requests nests urllib3's errors."""
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    said = str(getattr(error, "reason", None) or error) or type(error).__name__
    return _WHICH.sub("", said)
