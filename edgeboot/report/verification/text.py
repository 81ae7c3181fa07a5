"""A verification as text: a line a node, budgets as bars, each problem once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.report.verification.problems import problem_lines, problems_of, skipped_of
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.results import (
    Category,
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
_WORDS = {
    Outcome.PASSED: "ok",
    Outcome.FAILED: "FAILED",
    Outcome.NOT_MEASURED: "not measured",
    Outcome.SKIPPED: "skipped",
}
_WATCHED = ("memory", "cpu", "load", "disk-free")
_WIDE = 110  # columns from which a series has room
_LIMITED = 4  # figures that have a column of their own
_BAR = 20
_TICKS = "▁▂▃▄▅▆▇█"
_SPARK = 24


def node_table(found: Verification) -> Table:
    """A line a node: its checks by category, and how much of each limit it uses."""
    categories = [c for c in Category if any(r.category is c for r in found.results)]
    limited = _limited(found.nodes)
    table = Table(box=None, pad_edge=False)
    for heading in ("node", *categories, *limited):
        table.add_column(heading, no_wrap=True)
    figures = {node.name: {m.what: m for m in node.figures} for node in found.nodes}
    for name in dict.fromkeys(r.node for r in found.results):
        own = [r for r in found.results if r.node == name]
        cells = [_cell([r for r in own if r.category is category]) for category in categories]
        shares = [_share(figures.get(name, {}).get(what)) for what in limited]
        table.add_row(Text(name), *cells, *shares)
    return table


def _limited(nodes: Sequence[NodeReport]) -> list[str]:
    """The figures that have a limit; if not all fit, those over their limit come first."""
    every = [m for node in nodes for m in node.figures if m.limit is not None]
    names = dict.fromkeys(m.what for m in every)
    missed = {m.what for m in every if m.fits is False}
    kept = set(sorted(names, key=lambda name: name not in missed)[:_LIMITED])
    return [name for name in names if name in kept]


def _cell(results: Sequence[CheckResult]) -> Text:
    """How many checks ended badly, else how many passed."""
    for outcome in (Outcome.FAILED, Outcome.NOT_MEASURED, Outcome.PASSED, Outcome.SKIPPED):
        if number := sum(r.outcome is outcome for r in results):
            return Text(f"{number} {_WORDS[outcome]}", style=_STYLES[outcome])
    return Text("")


def _share(measured: Measured | None) -> Text:
    if measured is None or measured.limit is None:
        return Text("")
    if measured.used is None:
        return Text("?", style=_STYLES[Outcome.NOT_MEASURED])
    used = shown(measured.what, measured.used)
    share = f" ({measured.used / measured.limit:.0%})" if measured.limit else ""
    return Text(f"{used}{share}", style="bold red" if measured.fits is False else "green")


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


def watch_table(nodes: Sequence[NodeReport], lines: int, width: int) -> Table:
    """What nodes use, in so many lines below a heading, and columns.

    Every figure where there is room, else a line a node; where there is no room for all nodes,
    those that are nearest to a limit, and how many others there are.
    """
    if sum(len(node.figures) for node in nodes) <= lines:
        return budget_table(nodes, everything=True)
    named = [*_limited(nodes), *(n for n in _WATCHED if any(m.what == n for m in _all(nodes)))]
    names = list(dict.fromkeys(named))[:_LIMITED]
    table = Table(box=None, pad_edge=False)
    drawn = ("memory over time",) if width >= _WIDE else ()
    for heading in ("node", *names, *drawn):
        table.add_column(heading, no_wrap=True)
    kept = list(nodes)
    if len(nodes) > lines:
        worst = sorted(nodes, key=_nearness, reverse=True)[: max(1, lines - 1)]
        kept = [node for node in nodes if node in worst]
    for node in kept:
        figures = {m.what: m for m in node.figures}
        cells = [_share_or_value(figures.get(name)) for name in names]
        series = figures[_WATCHED[0]].series if _WATCHED[0] in figures else ()
        table.add_row(Text(node.name), *cells, *(spark(series) for _ in drawn))
    if len(kept) < len(nodes):
        table.add_row(Text(f"… {len(nodes) - len(kept)} more", style="dim"))
    return table


def _all(nodes: Sequence[NodeReport]) -> Iterator[Measured]:
    return (measured for node in nodes for measured in node.figures)


def _nearness(node: NodeReport) -> float:
    """How near a node is to a limit; one that was not measured comes first."""
    shares = [1.0]
    for one in node.figures:
        if one.used is None:
            return float("inf")
        if one.limit:
            least = ALL_FIGURES[one.what].at_least
            shares.append(1 + (one.limit / max(one.used, 1) if least else one.used / one.limit))
    return max(shares)


def _share_or_value(measured: Measured | None) -> Text:
    if measured is not None and measured.limit is None and measured.used is not None:
        return Text(shown(measured.what, measured.used))
    return _share(measured)


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
    """Each problem once, with what follows from it and what to do; then what was skipped."""
    for problem in (*problems_of(found), *skipped_of(found)):
        yield from map(_tame, problem_lines(problem))


def remarks(found: Verification) -> Iterator[str]:
    """What the outcome rests on: bundle, budgets, limits out of reach, checks left out."""
    if found.bundle:
        yield _tame(f"bundle: {found.bundle}, {signed(found)}")
    budgets: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    for node in found.nodes:
        if any(m.limit is not None for m in node.figures):
            budgets.setdefault(node.budget, []).append(node.name)
        for one in node.figures:
            if one.note and one.limit is not None:
                what = f"{one.what} limit {shown(one.what, one.limit)} {one.note}"
                notes.setdefault(what, []).append(node.name)
    for name, nodes in budgets.items():
        whose = "" if len(budgets) == 1 else f" ({', '.join(nodes)})"
        yield _tame(f"budget: {name or 'unnamed'}{whose}")
    yield from (_tame(f"  {', '.join(nodes)}: {note}") for note, nodes in notes.items())
    left_out: dict[str, list[str]] = {}
    for check, why in found.not_run:
        left_out.setdefault(why, []).append(check)
    yield from (_tame(f"not run: {', '.join(names)}: {why}") for why, names in left_out.items())


def signed(found: Verification) -> str:
    """Who signed the bundle."""
    return f"signed by {found.signer}" if found.signer else "not signed by a key of the inventory"


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
