"""A bounded form of ``make fuzz``: the same inputs in every run, for every hermetic target."""

from __future__ import annotations

import traceback

import pytest

from tests.support.fuzz.mutation import Mutator
from tests.support.fuzz.running import Fault, Target, fuzz, tried
from tests.support.fuzz.targets import TARGETS

_INPUTS = 150


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.hermetic])
def test_a_parser_takes_or_refuses(name: str) -> None:
    outcome = fuzz(TARGETS[name], seed=20261128, inputs=_INPUTS)
    if outcome.fault is not None:
        said = "".join(traceback.format_exception(outcome.fault.error, limit=-4))
        pytest.fail(f"{outcome.fault.data[:500]!r}\n{said}")
    assert outcome.tried == _INPUTS
    assert outcome.taken, "no input was taken, not even a seed"


def test_what_is_neither_taken_nor_refused_is_a_fault() -> None:
    def run(data: bytes) -> None:
        if b"9" * 30 in data:
            raise KeyError("a bug")

    outcome = fuzz(Target("one", run, (b"a 1",)), seed=1, inputs=10_000)
    assert outcome.fault is not None
    assert isinstance(outcome.fault.error, KeyError)
    assert isinstance(tried(Target("one", run, ()), outcome.fault.data), Fault)


def test_a_seed_makes_the_same_inputs() -> None:
    seeds = (b"a: 1\nb: [c]\n", b"x")
    first, second, other = (Mutator(seeds, seed) for seed in (7, 7, 8))
    made = [first.next() for _ in range(200)]
    assert made == [second.next() for _ in range(200)]
    assert made != [other.next() for _ in range(200)]
