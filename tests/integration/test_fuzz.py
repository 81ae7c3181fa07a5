"""A bounded form of ``make fuzz`` for the targets that need a connection or a program."""

from __future__ import annotations

import traceback

import pytest

from tests.support.fuzz.running import fuzz
from tests.support.fuzz.targets import TARGETS

_INPUTS = 100


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not target.hermetic])
def test_a_reader_takes_or_refuses(name: str) -> None:
    outcome = fuzz(TARGETS[name], seed=20261128, inputs=_INPUTS)
    if outcome.fault is not None:
        said = "".join(traceback.format_exception(outcome.fault.error, limit=-4))
        pytest.fail(f"{outcome.fault.data[:500]!r}\n{said}")
    assert outcome.tried == _INPUTS
