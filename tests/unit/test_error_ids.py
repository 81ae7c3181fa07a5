"""Every error id in the code has its mend in docs/troubleshooting.md, and the other way round."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import edgeboot
from edgeboot.cli.main import _BUG
from edgeboot.errors import BadInput, EdgebootError, Refused

PACKAGE = Path(edgeboot.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "troubleshooting.md"


def ids_of(path: Path) -> set[str]:
    """Constants given as ``error_id=`` or assigned to ``error_id``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        value: ast.expr | None = None
        if isinstance(node, ast.keyword) and node.arg == "error_id":
            value = node.value
        elif isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            value = node.value if "error_id" in names else None
        if value is not None:
            found |= {
                n.value
                for n in ast.walk(value)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
    return found


def test_every_id_is_in_the_document_and_every_heading_is_an_id() -> None:
    in_code = {"bug"}.union(*(ids_of(path) for path in PACKAGE.rglob("*.py")))
    headings = re.findall(r"^## (\S+)$", DOCUMENT.read_text(), re.M)
    assert len(headings) == len(set(headings))
    assert set(headings) == in_code
    assert _BUG == 70


def test_an_error_tells_its_id_after_its_first_line() -> None:
    error = Refused("no\nlong story", where="pi", hint="mend it", error_id="locked")
    assert error.tell() == "pi: no [locked]\nlong story\n  next: mend it"
    assert BadInput("x").error_id == "bad-input"
    assert EdgebootError("x").error_id == "step-failed"
