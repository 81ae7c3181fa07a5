"""The page: verdict, tables of checks by node, budgets of each node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.report.verification.html.figures import Card, card_of
from edgeboot.report.verification.html.rendering import rendered
from edgeboot.report.verification.html.tables import LEGEND, Table, tables_of
from edgeboot.report.verification.matrix import rows_of
from edgeboot.report.verification.problems import Problem, problems_of, skipped_of
from edgeboot.report.verification.text import signed, summary
from edgeboot.verify.results import TITLES, Category, Outcome, Verification

_FEW = 8
_NOTES = {Category.BUDGET: "The figures are below, by node."}


@dataclass(frozen=True)
class Section:
    """The checks of one category."""

    id: str
    title: str
    tables: tuple[Table, ...]
    note: str

    @property
    def well(self) -> bool:
        """Whether nothing in it is a problem."""
        return all(table.well for table in self.tables)


@dataclass(frozen=True)
class Page:
    """All that the template shows; ``shares`` are states and per cent of all checks."""

    cluster: str
    state: str
    verdict: str
    facts: tuple[tuple[str, str], ...]
    summary: str
    shares: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Problem, ...]
    not_run: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    named: tuple[str, ...]  # nodes that the contents name
    cards: tuple[Card, ...]
    legend: tuple[tuple[str, str, str], ...] = LEGEND

    @property
    def cards_well(self) -> bool:
        """Whether all figures are within their limits."""
        return all(card.well for card in self.cards)


def verification_html(found: Verification) -> str:
    """The whole document."""
    return rendered("page.html", page=page_of(found))


def page_of(found: Verification) -> Page:
    """The page's values."""
    measured = [node for node in found.nodes if node.figures]
    worth = _worth_naming(found)
    return Page(
        cluster=found.cluster,
        state={1: "failed", 6: "unmeasured"}.get(found.exit_code, "passed"),
        verdict=verdict(found),
        facts=_facts(found),
        summary=summary(found),
        shares=tuple(_shares(found)),
        problems=problems_of(found),
        skipped=skipped_of(found),
        not_run=found.not_run,
        sections=tuple(
            Section(
                id=category.value,
                title=TITLES[category],
                tables=tuple(tables_of(rows, f"why-{category.value}")),
                note=_NOTES.get(category, ""),
            )
            for category, rows in rows_of(found).items()
        ),
        named=tuple(node.name for node in measured if node.name in worth),
        cards=tuple(map(card_of, measured)),
    )


def verdict(found: Verification) -> str:
    """The run in a few words."""
    failed, unmeasured = found.count(Outcome.FAILED), found.count(Outcome.NOT_MEASURED)
    if failed:
        return f"{failed} {'check' if failed == 1 else 'checks'} failed"
    if unmeasured:
        return f"{unmeasured} could not be measured"
    if not found.count(Outcome.PASSED):
        return "no check was run"
    return "all checks passed"


def _worth_naming(found: Verification) -> frozenset[str]:
    """All nodes of a small fleet, of a large one those with problems."""
    if len(found.nodes) <= _FEW:
        return frozenset(node.name for node in found.nodes)
    bad = {Outcome.FAILED, Outcome.NOT_MEASURED}
    return frozenset(r.node for r in found.results if r.outcome in bad)


def _facts(found: Verification) -> tuple[tuple[str, str], ...]:
    window = max((node.seconds for node in found.nodes), default=0)
    budgets = dict.fromkeys(node.budget for node in found.nodes if node.budget)
    optional = (
        ("Bundle", found.bundle),
        ("Signature", signed(found) if found.bundle else ""),
        ("Budget", ", ".join(budgets)),
    )
    return (
        ("When", re.sub(r"(?=[+-]\d\d:\d\d$)", " ", found.when.replace("T", " "))),
        ("K3s", found.k3s),
        ("Nodes", str(len(found.nodes))),
        ("Sampled", f"{window:.0f} s" if window else "no"),
        *((name, value) for name, value in optional if value),
    )


def _shares(found: Verification) -> Iterator[tuple[str, str]]:
    """How checks ended, as one bar."""
    for outcome, state in (
        (Outcome.FAILED, "failed"),
        (Outcome.NOT_MEASURED, "unmeasured"),
        (Outcome.PASSED, "passed"),
    ):
        if number := found.count(outcome):
            yield state, f"{number / len(found.results) * 100:.2f}"
