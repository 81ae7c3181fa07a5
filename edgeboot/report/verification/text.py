"""A verification on the terminal: tables of checks, budgets as bars, problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.table import Table
from rich.text import Text

from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.report.verification.matrix import Cell, rows_of
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.results import (
    TITLES,
    CheckResult,
    Measured,
    NodeReport,
    Outcome,
    Verification,
)

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_MEASURED: "yellow",
    Outcome.SKIPPED: "dim",
}
_WORDS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.NOT_MEASURED: "?"}
_BAR = 20
_NODES_ABREAST = 6
_TICKS = "▁▂▃▄▅▆▇█"
_SPARK = 24


def check_tables(found: Verification) -> Iterator[Table]:
    """Check by node, a few nodes at a time, the checks of one category together."""
    for category, rows in rows_of(found).items():
        names = list(dict.fromkeys(node for row in rows for node in row.cells))
        for start in range(0, len(names), _NODES_ABREAST):
            abreast = names[start : start + _NODES_ABREAST]
            table = Table(TITLES[category], *abreast, box=None, pad_edge=False, min_width=40)
            for row in rows:
                cells = [row.cells.get(name) for name in abreast]
                if any(cells):
                    table.add_row(row.check, *(_cell(cell) for cell in cells))
            yield table


def _cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    word = _WORDS.get(cell.outcome, "-")
    if cell.outcome is not Outcome.PASSED and cell.total > 1:
        word += f" {cell.total - cell.passed}/{cell.total}"
    return Text(word, style=_STYLES[cell.outcome])


def budget_table(nodes: Sequence[NodeReport], *, everything: bool = False) -> Table:
    """What each node uses of its budget; ``everything`` includes figures without a limit."""
    table = Table(box=None, pad_edge=False)
    for heading in ("node", "figure", "used", "limit", "of the limit", "over the window"):
        right = heading in {"used", "limit"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for node in nodes:
        name = node.name
        for measured in node.figures:
            if measured.limit is not None or everything:
                table.add_row(name, measured.what, *_figure(measured))
                name = ""
    return table


def _figure(measured: Measured) -> tuple[Text, str, Text, str]:
    limit = "" if measured.limit is None else shown(measured.what, measured.limit)
    if measured.used is None:
        return Text("not measured", style="yellow"), limit, Text(measured.why, style="dim"), ""
    style = "bold red" if measured.fits is False else "green" if measured.fits else ""
    if ALL_FIGURES[measured.what].at_least and limit:
        limit = f"≥ {limit}"
    used = Text(shown(measured.what, measured.used), style=style)
    return (
        used,
        limit,
        Text(bar(measured.used, measured.limit), style=style),
        spark(measured.series),
    )


def bar(used: int, limit: int | None) -> str:
    """The share of a limit that is used, with per cent."""
    if not limit:
        return ""
    filled = min(_BAR, round(used / limit * _BAR))
    return "█" * filled + "░" * (_BAR - filled) + f" {used / limit:.0%}"


def spark(series: Sequence[tuple[float, int]]) -> str:
    """A series as a row of bars, scaled from its smallest to its largest value."""
    values = [value for _, value in series][-_SPARK:]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    reach = (high - low) or 1
    return "".join(_TICKS[(v - low) * (len(_TICKS) - 1) // reach] for v in values)


def problems(found: Verification) -> Iterator[str]:
    """Each check that did not pass, with its hint and details.

    A problem that several nodes share appears once.
    """
    nodes: dict[CheckResult, list[str]] = {}
    for result in found.results:
        if result.outcome in {Outcome.FAILED, Outcome.NOT_MEASURED}:
            nodes.setdefault(replace(result, node=""), []).append(result.node)
    for result, names in nodes.items():
        yield _tame(problem_line(replace(result, node=", ".join(names))))
        if result.hint:
            yield f"    next: {_tame(result.hint)}"
        yield from (f"    {_tame(line)}" for line in result.detail.splitlines())


def _tame(text: str) -> str:
    """Text from a host must not control the operator's terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def problem_line(result: CheckResult) -> str:
    """One line about a check: outcome, node, subject, message."""
    about = " ".join(filter(None, (result.check, result.subject)))
    return f"{result.outcome.value}: {result.node}: {about}: {result.message}"


def summary(found: Verification) -> str:
    """One line: how many checks had which outcome."""
    parts = [f"{found.count(Outcome.PASSED)} of {len(found.results)} checks passed"]
    for outcome in (Outcome.FAILED, Outcome.NOT_MEASURED, Outcome.SKIPPED):
        if number := found.count(outcome):
            parts.append(f"{number} {outcome.value}")
    return ", ".join(parts)
