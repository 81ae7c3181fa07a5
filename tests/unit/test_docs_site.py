"""The documentation: its answers and indexes are true, and the site has every page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
QUESTION = re.compile(r"^\| (Where [^|]*\?) \| `([^`]+)` \| `([^`]+)` \|$", re.M)
QUESTIONS = QUESTION.findall((DOCS / "architecture.md").read_text())
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))


@pytest.mark.parametrize(("question", "path", "name"), QUESTIONS)
def test_the_answer_to_a_newcomers_question_exists(question: str, path: str, name: str) -> None:
    text = (ROOT / path).read_text()
    assert re.search(rf"\b{re.escape(name)}\b", text), f"{question} {path} has no {name}"


def test_there_are_twenty_questions_and_more() -> None:
    questions = [question for question, _, _ in QUESTIONS]
    assert len(set(questions)) == len(questions) >= 20


@pytest.mark.parametrize("path", DECISIONS, ids=lambda p: p.name)
def test_a_decision_is_in_the_index(path: Path) -> None:
    number, _, title = path.read_text().splitlines()[0].removeprefix("# ").partition(". ")
    row = f"| {number} | [{title}]({path.name}) |"
    assert row in (DOCS / "decisions" / "index.md").read_text(), f"add to the index: {row}"
    assert path.name.startswith(f"{int(number):04}-")


def test_every_page_is_in_the_navigation() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    shown = set(_leaves(site["nav"]))
    assert shown <= pages
    assert pages - shown == {f"decisions/{path.name}" for path in DECISIONS}


def _leaves(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    branches = tree.values() if isinstance(tree, dict) else tree
    return [leaf for branch in branches for leaf in _leaves(branch)]


def test_links_between_files_of_the_repository_lead_somewhere() -> None:
    """MkDocs checks the links within docs; these are in files that GitHub shows."""
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text()):
            if not target.startswith("https://"):
                assert (ROOT / target).exists(), f"{name}: {target}"


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_paths_in_documents_exist(path: Path) -> None:
    named = re.findall(r"`((?:edgeboot(?:_lab)?|tests|tools|docs)/[\w./-]+)", path.read_text())
    gone = [name for name in named if not (ROOT / name).exists()]
    assert not gone
