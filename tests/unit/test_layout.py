"""How tests are laid out: they share by way of tests/support, and import no other test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MODULES = sorted(TESTS.rglob("*.py"))
SHARED = ("tests.support", "tests.standin")


def is_a_test(name: str) -> bool:
    """Whether pytest collects a module: its functions are tests and fixtures, not helpers."""
    last = name.rpartition(".")[2]
    return last.startswith("test_") or last == "conftest"


def imported(path: Path) -> Iterator[str]:
    """The modules of tests that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("tests."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                inside = TESTS.parent / Path(*below.split("."))
                is_module = inside.with_suffix(".py").exists() or inside.is_dir()
                yield below if is_module else str(node.module)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(TESTS)))
def test_a_module_imports_helpers_only(path: Path) -> None:
    folder = ".".join(("tests", *path.parent.relative_to(TESTS).parts))
    for name in imported(path):
        assert not is_a_test(name), f"{name} is a test: move what is shared to tests/support"
        shared = any(name == room or name.startswith(room + ".") for room in SHARED)
        own = name == folder or name.startswith(folder + ".")
        assert shared or own, f"{name} is used from {folder}: move it to tests/support"
