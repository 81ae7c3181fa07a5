"""How checks ended, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgeboot.errors import NotMeasured
from edgeboot.verify.budgets import Usage


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class CheckResult:
    """One check on one node. ``subject`` says of what: a path, an image, a budget."""

    node: str
    check: str
    subject: str
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True)
class Verification:
    """All checks of a run, and what each node was measured to use (None where it was not)."""

    results: tuple[CheckResult, ...]
    usages: Mapping[str, Usage | None]

    @property
    def exit_code(self) -> int:
        """1 where a check or budget was missed, else 6 where one was not measured, else 0."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.FAILED in outcomes:
            return 1
        return NotMeasured.exit_code if Outcome.NOT_MEASURED in outcomes else 0
