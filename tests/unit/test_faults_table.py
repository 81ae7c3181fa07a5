"""docs/faults.md: every row of the catalogue names tests, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (ROOT / "docs" / "faults.md").read_text().splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_no_row_is_missing() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 48))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_its_tests_exist(row: list[str]) -> None:
    named = re.findall(r"`(tests/[^`]+)::(\w+)`", row[3])
    assert named
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text())
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in defined, f"{path} has no {function}"
