"""All checks there are, without a host: for ``--list``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.verify.checks import CHECKS
from edgeboot.verify.results import Category

CHECK_FILES = {
    Category.CONFIG: CHECKS / "test_config.py",
    Category.HEALTH: CHECKS / "test_health.py",
    Category.BUDGET: CHECKS / "test_budget.py",
}


@dataclass(frozen=True)
class Check:
    """A check: what it asks, its name for ``-k``, and what it holds true."""

    category: Category
    name: str
    what: str


def catalogue(tests: Sequence[Path] = ()) -> tuple[Check, ...]:
    """The built-in checks, then those of the user's own files; nothing of these is run."""
    found = [c for category, path in CHECK_FILES.items() for c in _checks(category, path)]
    for given in tests:
        files = sorted(given.rglob("test_*.py")) if given.is_dir() else [given]
        found += [check for path in files for check in _checks(Category.OWN, path)]
    return tuple(found)


def _checks(category: Category, path: Path) -> Iterator[Check]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput(f"these tests cannot be read: {error}", where=str(path)) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            what = (ast.get_docstring(node) or "").split("\n")[0]
            yield Check(category, node.name.removeprefix("test_"), what)
