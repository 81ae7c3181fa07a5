"""Does it fit: memory, CPU and disk of K3s against the node's budget, over a window."""

# ruff: noqa: S101

from __future__ import annotations

from edgeboot.plan.steps import human_size
from edgeboot.verify.budgets import verdicts
from edgeboot.verify.subject import Subject


def test_budget(subject: Subject, budget: str) -> None:
    """One figure of the node is within its budget."""
    verdict = next(v for v in verdicts(subject.usage, subject.expected.budget) if v.what == budget)
    assert verdict.fits, f"{_amount(budget, verdict.used)} of {_amount(budget, verdict.limit or 0)}"


def _amount(budget: str, amount: int) -> str:
    return f"{amount}m" if budget == "cpu" else human_size(amount)
