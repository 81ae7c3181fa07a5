"""Budgets: what a node used over a window, against its limits."""

# The assertions of checks are the product here, not debugging aids.
# ruff: noqa: S101

from __future__ import annotations

from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.subject import Subject


def test_budget(subject: Subject, figure: str) -> None:
    """Each figure is within the node's budget."""
    found = subject.verdict(figure)
    word = "at least" if found.figure.at_least else "at most"
    assert found.fits, (
        f"{shown(figure, found.used)}; the budget is {word} {shown(figure, found.limit or 0)}"
    )
