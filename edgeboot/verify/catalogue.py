"""Every check there is, found without running anything."""

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
_PATTERNS = ("test_*.py", "*_test.py")  # pytest's own


@dataclass(frozen=True)
class Check:
    """A check: its category, its name for ``-k``, what it asserts, and what it is called with."""

    category: Category
    name: str
    what: str
    arguments: tuple[str, ...] = ()


def built_in() -> tuple[Check, ...]:
    """The built-in checks, in the order in which they run."""
    return tuple(c for category, path in CHECK_FILES.items() for c in _checks(category, path))


def catalogue(tests: Sequence[Path] = ()) -> tuple[Check, ...]:
    """The built-in checks, then those in the user's files."""
    files = [path for given in tests for path in files_of(given)]
    return (*built_in(), *(c for path in files for c in _checks(Category.OWN, path)))


def files_of(given: Path) -> tuple[Path, ...]:
    """The files of tests in a directory; a file stands for itself."""
    if not given.is_dir():
        return (given,)
    return tuple(sorted({path for pattern in _PATTERNS for path in given.rglob(pattern)}))


def _checks(category: Category, path: Path) -> Iterator[Check]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput(f"cannot read these tests: {error}", where=str(path)) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            what = (ast.get_docstring(node) or "").split("\n")[0]
            arguments = tuple(argument.arg for argument in node.args.args)
            yield Check(category, node.name.removeprefix("test_"), what, arguments)
