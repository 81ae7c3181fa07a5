"""Runs a target and says what it did not expect."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from edgeboot.errors import EdgebootError
from tests.support.fuzz.mutation import Mutator

_PATIENCE = 20.0  # seconds for one input


@dataclass(frozen=True)
class Target:
    """A parser; ``run`` raises an expected error for what it refuses."""

    name: str
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    expected: tuple[type[Exception], ...] = (EdgebootError,)
    hermetic: bool = True  # whether it needs no network, not even loopback's


@dataclass(frozen=True)
class Fault:
    """An input, and what it did."""

    data: bytes
    error: BaseException


@dataclass(frozen=True)
class Outcome:
    """How many inputs were tried, how many were taken, and the first fault."""

    tried: int
    taken: int
    fault: Fault | None = None


class Hang(BaseException):
    """An input took too long; no parser catches it."""


def tried(target: Target, data: bytes) -> bool | Fault:
    """Whether the target takes an input; the fault where it neither takes nor refuses it."""
    try:
        with _patience():
            target.run(data)
    except target.expected:
        return False
    except (Exception, Hang) as error:
        return Fault(data, error)
    return True


def fuzz(
    target: Target, seed: int, *, inputs: int | None = None, seconds: float | None = None
) -> Outcome:
    """Tries the seeds, then changed ones, until ``inputs`` or ``seconds`` are used up."""
    until = time.monotonic() + (seconds or 3600.0)
    count = taken = 0
    for data in _inputs(target, seed):
        if count == inputs or time.monotonic() > until:
            break
        count += 1
        result = tried(target, data)
        if isinstance(result, Fault):
            return Outcome(count, taken, result)
        taken += result
    return Outcome(count, taken)


def _inputs(target: Target, seed: int) -> Iterator[bytes]:
    yield from target.seeds
    mutator = Mutator(target.seeds, seed)
    while True:
        yield mutator.next()


@contextmanager
def _patience() -> Iterator[None]:
    def hang(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Hang(f"not done after {_PATIENCE:.0f} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
