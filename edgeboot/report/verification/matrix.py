"""Results by category, check and node: the rows of all tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.verify.results import Category, CheckResult, Outcome, Verification

_GRAVEST = (Outcome.FAILED, Outcome.NOT_MEASURED, Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True)
class Cell:
    """All results of one check on one node."""

    results: tuple[CheckResult, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of them."""
        return min((r.outcome for r in self.results), key=_GRAVEST.index)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.results)

    @property
    def passed(self) -> int:
        """How many passed."""
        return sum(r.outcome is Outcome.PASSED for r in self.results)

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """Those that did not pass."""
        return tuple(r for r in self.results if r.outcome in {Outcome.FAILED, Outcome.NOT_MEASURED})


@dataclass(frozen=True)
class Row:
    """One check on all nodes it ran on."""

    check: str
    cells: Mapping[str, Cell]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """Results that did not pass, by node."""
        return tuple(problem for cell in self.cells.values() for problem in cell.problems)


def rows_of(found: Verification) -> dict[Category, tuple[Row, ...]]:
    """The rows of each category, in the order in which the checks ran.

    Each figure of a budget has its own row.
    """
    grouped: dict[Category, dict[str, dict[str, list[CheckResult]]]] = {}
    for result in found.results:
        check = result.subject if result.category is Category.BUDGET else result.check
        cells = grouped.setdefault(result.category, {}).setdefault(check, {})
        cells.setdefault(result.node, []).append(result)
    return {
        category: tuple(
            Row(check, {node: Cell(tuple(some)) for node, some in cells.items()})
            for check, cells in checks.items()
        )
        for category, checks in grouped.items()
    }
