"""Trying again over a network that fails for a while: which answers, how long, how often."""

from __future__ import annotations

import email.utils
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from edgeboot.errors import StepFailed

ATTEMPTS = 4
WAIT_MAX = 60.0  # seconds, whatever the server asks for
_WHICH = re.compile(r"^\w+\(host='[^']*', port=\d+\): ")  # urllib3 names its own classes
STATUSES = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


class TryAgain(Exception):
    """An attempt failed in a way that may pass.

    ``wait`` seconds are what the server asks for; ``progress`` says that the attempt brought the
    work forward, so that the next one counts as the first.
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
    """What ``once`` returns; called again where it raises TryAgain, after a wait with jitter.

    Raises StepFailed, naming ``what``, when ``attempts`` in a row came to nothing.
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
            wait = 2.0**failed * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
            sleep(min(error.wait if error.wait is not None else wait, WAIT_MAX))


def retry_after(value: str) -> float | None:
    """Seconds to wait, from a ``Retry-After`` of seconds or a date."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, (moment - datetime.now(moment.tzinfo or UTC)).total_seconds())


def reason(error: BaseException) -> str:
    """The innermost cause in one line: requests nests urllib3's errors deeply."""
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    said = str(getattr(error, "reason", None) or error) or type(error).__name__
    return _WHICH.sub("", said)
