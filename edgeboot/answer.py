"""Answers of hosts: read within bounds, and an answer that cannot be read is that host's error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgeboot.errors import EdgebootError

# What reading raises if a text is not what was expected. An AttributeError is a bug of
# ours, whatever the text is.
MALFORMED = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)

_MOST_DIGITS = 19  # of 64 bits


@contextmanager
def understood(error: Callable[[str], EdgebootError]) -> Iterator[None]:
    """Turns what is raised by reading a malformed answer into ``error(why)``."""
    try:
        yield
    except MALFORMED as problem:
        raise error(str(problem)[:200] or type(problem).__name__) from problem


def is_number(text: str) -> bool:
    """Whether a text is a plain decimal number that fits in 64 bits; ``²`` is a digit, too."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def number(text: str, base: int = 10) -> int:
    """The integer in a text; ``ValueError`` if there is none, or none that fits in 64 bits."""
    value = int(text, base)
    if abs(value) >= 1 << 63:
        raise ValueError("a number that does not fit in 64 bits")
    return value
