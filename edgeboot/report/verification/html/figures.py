"""A node's card: its budgets as bars with their limits, its series as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.results import Measured, NodeReport

_WIDTH, _HEIGHT = 160, 34
_METHODS = {"processes": "summed up over K3s's processes: its control group is shared"}


def node_card(node: NodeReport) -> Iterator[str]:
    """What a node uses: first what a budget limits, then the rest, then directories."""
    limited = [f for f in node.figures if f.limit is not None]
    free = [f for f in node.figures if f.limit is None]
    yield f'<section class="card" id="node-{escape(node.name)}">'
    yield f"<h3>{escape(node.name)} <small>{escape(node.role)}</small></h3>"
    if method := _METHODS.get(node.method):
        yield f'<p class="note">Memory and CPU are {method}.</p>'
    reasons = {f.why for f in node.figures}
    if all(f.used is None for f in node.figures) and len(reasons) == 1:
        yield f'<p class="silent"><b>?</b> nothing was measured: {escape(reasons.pop())}</p>'
    else:
        yield '<div class="figures">'
        for measured in limited:
            yield from _figure(measured)
        yield "</div>"
    if free:
        yield f"<details><summary>{len(free)} figures without a limit</summary>"
        yield '<div class="figures free">'
        for measured in free:
            yield from _figure(measured)
        yield "</div></details>"
    if node.disk:
        yield "<details><summary>directories</summary>"
        yield '<table class="disk"><tbody>'
        for path, size in node.disk:
            name = escape(path).replace("/", "/<wbr>")
            yield f"<tr><td><code>{name}</code></td><td>{shown('disk', size)}</td></tr>"
        yield "</tbody></table></details>"
    yield "</section>"


def _figure(measured: Measured) -> Iterator[str]:
    figure = ALL_FIGURES[measured.what]
    state = {True: "passed", False: "failed", None: "plain"}[measured.fits]
    if measured.used is None:
        state = "unmeasured"
    yield f'<div class="figure {state}">'
    yield f'<p class="name"><b>{measured.what}</b><span>{escape(figure.what)}</span></p>'
    if measured.used is None:
        yield f'<p class="amount"><b>?</b> <span>{escape(measured.why)}</span></p></div>'
        return
    yield f'<p class="amount"><b>{shown(measured.what, measured.used)}</b>'
    if measured.limit is not None:
        word = "at least" if figure.at_least else "of"
        yield f" <span>{word} {shown(measured.what, measured.limit)}"
        yield f"{_share(measured)}</span>"
    yield "</p>"
    if measured.limit:
        yield _bar(measured.used, measured.limit)
    if len(measured.series) > 1:
        yield _sparkline(measured)
    yield "</div>"


def _share(measured: Measured) -> str:
    if not measured.limit or measured.used is None:
        return ""
    return f" · {measured.used / measured.limit:.0%}"


def _bar(used: int, limit: int) -> str:
    """The limit is a line: at the end of the bar, or before it where more is used."""
    scale = max(used, limit)
    at = limit / scale * 100
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/>'
        f'<rect class="fill" width="{used / scale * 100:.2f}" height="6"/>'
        f'<rect class="limit" x="{min(at, 99.2):.2f}" width="0.8" height="6"/></svg>'
    )


def _sparkline(measured: Measured) -> str:
    values = [value for _, value in measured.series]
    low, high = min(values), max(values)
    points = _points(measured.series, low, high)
    spread = measured.spread
    text = ""
    if spread:
        parts = zip(("min", "median", "p95", "max"), _values(measured), strict=True)
        text = " ".join(f"<span><i>{word}</i>{value}</span>" for word, value in parts)
    label = f"{measured.what} from {shown(measured.what, low)} to {shown(measured.what, high)}"
    return (
        f'<div class="series"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(label, quote=True)}"><title>{escape(label)}</title>'
        f'<polygon points="0,{_HEIGHT} {points} {_WIDTH},{_HEIGHT}"/>'
        f'<polyline points="{points}" vector-effect="non-scaling-stroke"/></svg>'
        f'<p class="spread">{text}</p></div>'
    )


def _values(measured: Measured) -> Sequence[str]:
    spread = measured.spread
    if spread is None:
        return ()
    return [
        shown(measured.what, value) for value in (spread.min, spread.median, spread.p95, spread.max)
    ]


def _points(series: Sequence[tuple[float, int]], low: int, high: int) -> str:
    start, end = series[0][0], series[-1][0]
    wide, tall = (end - start) or 1, high - low

    def y(value: int) -> float:
        # A flat line lies in the middle, so that it is seen.
        share = (value - low) / tall if tall else 0.5
        return 2 + (1 - share) * (_HEIGHT - 4)

    return " ".join(f"{(at - start) / wide * _WIDTH:.1f},{y(value):.1f}" for at, value in series)
