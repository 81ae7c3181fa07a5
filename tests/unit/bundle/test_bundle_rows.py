"""Every row of the fault catalogue that concerns bundles and registries has its numbered test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
_NAMED = re.compile(r"^def test_rows?_(\d+)(?:_and_(\d+))?_", re.M)


@pytest.fixture(scope="module")
def numbered() -> set[int]:
    found = [m for path in TESTS.rglob("test_*.py") for m in _NAMED.finditer(path.read_text())]
    return {int(number) for match in found for number in match.groups() if number}


@pytest.mark.parametrize("row", range(29, 41))
def test_the_row_is_tested(numbered: set[int], row: int) -> None:
    assert row in numbered
