"""What a node's card shows: budgets as bars with their limits, series as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.results import Measured, NodeReport

_WIDTH, _HEIGHT = 160, 34
_LIMIT_WIDTH = 0.8  # of the line that marks the limit, in per cent of the bar
_NOTES = {"processes": "Memory and CPU are sums over K3s's processes: its control group is shared."}


@dataclass(frozen=True)
class Bar:
    """Per cent of the bar's width: how far it is filled, and where the limit is."""

    fill: str
    limit: str


@dataclass(frozen=True)
class Line:
    """A series as points of an SVG, with its spread in words."""

    points: str
    label: str
    spread: tuple[tuple[str, str], ...]
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True)
class FigureView:
    """One figure; ``state`` is passed, failed, unmeasured, or plain where nothing limits it."""

    name: str
    about: str
    state: str
    used: str
    limit: str
    bar: Bar | None = None
    line: Line | None = None


@dataclass(frozen=True)
class Card:
    """One node; ``silent`` says why nothing of it was measured."""

    name: str
    role: str
    note: str
    silent: str
    limited: tuple[FigureView, ...]
    free: tuple[FigureView, ...]
    disk: tuple[tuple[str, str], ...]
    address: str = ""
    budget: str = ""

    @property
    def well(self) -> bool:
        """Whether all was measured and is within its limits."""
        bad = {"failed", "unmeasured"}
        return not self.silent and not any(one.state in bad for one in self.limited)


def card_of(node: NodeReport) -> Card:
    """What a node uses: first what a budget limits, then the rest, then directories."""
    return Card(
        name=node.name,
        role=node.role,
        note=_NOTES.get(node.method, ""),
        silent=_silent(node.figures),
        limited=tuple(figure_view(f) for f in node.figures if f.limit is not None),
        free=tuple(figure_view(f) for f in node.figures if f.limit is None),
        disk=tuple((path, shown("disk", size)) for path, size in node.disk),
        address=node.address,
        budget=node.budget,
    )


def _silent(figures: Sequence[Measured]) -> str:
    """The one reason why no figure was measured; empty where there are several, or figures."""
    reasons = {f.why for f in figures}
    return reasons.pop() if all(f.used is None for f in figures) and len(reasons) == 1 else ""


def figure_view(measured: Measured) -> FigureView:
    """A figure against its limit."""
    name, about = measured.what, ALL_FIGURES[measured.what].what
    if measured.used is None:
        return FigureView(name, about, "unmeasured", "?", measured.why)
    return FigureView(
        name=name,
        about=about,
        state={True: "passed", False: "failed", None: "plain"}[measured.fits],
        used=shown(name, measured.used),
        limit=_limit(measured, measured.used),
        bar=_bar(measured.used, measured.limit) if measured.limit else None,
        line=_line(measured) if len(measured.series) > 1 else None,
    )


def _limit(measured: Measured, used: int) -> str:
    if measured.limit is None:
        return ""
    word = "at least" if ALL_FIGURES[measured.what].at_least else "of"
    share = f" · {used / measured.limit:.0%}" if measured.limit else ""
    note = f" ({measured.note})" if measured.note else ""
    return f"{word} {shown(measured.what, measured.limit)}{share}{note}"


def _bar(used: int, limit: int) -> Bar:
    """The limit is a line: at the end of the bar, or before it where more is used."""
    scale = max(used, limit)
    at = min(limit / scale * 100, 100 - _LIMIT_WIDTH)
    return Bar(fill=f"{used / scale * 100:.2f}", limit=f"{at:.2f}")


def _line(measured: Measured) -> Line:
    values = [value for _, value in measured.series]
    low, high = min(values), max(values)
    return Line(
        points=_points(measured.series, low, high),
        label=f"{measured.what} from {shown(measured.what, low)} to {shown(measured.what, high)}",
        spread=_spread(measured),
    )


def _spread(measured: Measured) -> tuple[tuple[str, str], ...]:
    spread = measured.spread
    if spread is None:
        return ()
    words = {"min": spread.min, "median": spread.median, "p95": spread.p95, "max": spread.max}
    return tuple((word, shown(measured.what, value)) for word, value in words.items())


def _points(series: Sequence[tuple[float, int]], low: int, high: int) -> str:
    start, end = series[0][0], series[-1][0]
    wide, tall = (end - start) or 1, high - low

    def y(value: int) -> float:
        # A flat line is drawn in the middle, where it is seen.
        share = (value - low) / tall if tall else 0.5
        return 2 + (1 - share) * (_HEIGHT - 4)

    return " ".join(f"{(at - start) / wide * _WIDTH:.1f},{y(value):.1f}" for at, value in series)
