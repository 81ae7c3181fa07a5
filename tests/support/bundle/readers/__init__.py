"""What the readers of bundles are tried on: one thing wrong at a time, and what must be taken.

A case is a name and a function of freshly loaded modules; what it returns, or the expected error it
raises, is the reader's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

Modules = Any
Run = Callable[[Modules], object]
Case = tuple[str, Run]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :]


def answers(
    cases: list[Case], modules: SimpleNamespace, expected: type[Exception]
) -> Iterator[str]:
    """What each case says, lazily."""
    for _, run in cases:
        try:
            yield repr(run(modules))
        except expected as error:
            yield f"{type(error).__name__} {getattr(error, 'what', error)}"
        except Exception as error:  # any other is a bug, and noticed as such
            yield f"bug {type(error).__name__} {error}"
