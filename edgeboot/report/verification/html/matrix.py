"""Check by node, with the diagnosis beside each row that is not well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from edgeboot.report.verification.matrix import Cell, Row
from edgeboot.verify.results import Outcome

_SUBJECTS = 3  # of alike problems that are named
_FEW = 6  # nodes that leave room for the diagnosis at the right
_MARKS = {
    Outcome.PASSED: ("✓", "passed"),
    Outcome.FAILED: ("✗", "failed"),
    Outcome.NOT_MEASURED: ("?", "unmeasured"),
    Outcome.SKIPPED: ("-", "skipped"),
}


def matrix(rows: Sequence[Row]) -> Iterator[str]:
    """Tables for assistive technology too: rows of headers and cells, laid out as a grid.

    Rows about the cluster as a whole and about nodes are tables of their own.
    """
    groups: dict[bool, list[Row]] = {}
    for row in rows:
        groups.setdefault(set(row.cells) == {"cluster"}, []).append(row)
    for some in groups.values():
        nodes = list(dict.fromkeys(node for row in some for node in row.cells))
        size = "few" if len(nodes) <= _FEW else "many"
        yield f'<div class="scroll" {"tabindex=0" if size == "many" else ""}>'
        yield f'<div role="table" class="matrix {size}" style="--nodes:{len(nodes)}">'
        yield '<div role="row" class="row head">'
        yield '<span role="columnheader" class="check">check</span>'
        yield from (
            f'<span role="columnheader" class="node"><b>{escape(node)}</b></span>' for node in nodes
        )
        yield '<span role="columnheader" class="why"></span></div>'
        for row in some:
            yield from _row(row, nodes)
        yield "</div></div>"


def _row(row: Row, nodes: Sequence[str]) -> Iterator[str]:
    well = "" if row.problems else " well"
    yield f'<div role="row" class="row{well}">'
    yield f'<span role="rowheader" class="check">{escape(row.check)}</span>'
    for node in nodes:
        yield _cell(row, node, row.cells.get(node))
    yield '<div role="cell" class="why">'
    for node, cell in row.cells.items():
        # Alike ones stand together: a host that is silent says the same of its every file.
        alike: dict[tuple[Outcome, str, str, str], list[str]] = {}
        for one in cell.problems:
            subject = "" if one.subject == row.check else one.subject
            alike.setdefault((one.outcome, one.message, one.hint, one.detail), []).append(subject)
        for number, ((outcome, message, hint, detail), subjects) in enumerate(alike.items()):
            where = f' id="{anchor(row, node)}"' if number == 0 else ""
            yield f'<div class="problem {_MARKS[outcome][1]}"{where}><p><b>{escape(node)}</b> '
            yield from _subjects([subject for subject in subjects if subject])
            yield f"{_breakable(message)}</p>"
            if hint:
                yield f'<p class="next">next: {_breakable(hint)}</p>'
            if detail:
                yield "<details><summary>what it said last</summary>"
                yield f"<pre>{escape(detail)}</pre></details>"
            yield "</div>"
    yield "</div></div>"


def _cell(row: Row, node: str, cell: Cell | None) -> str:
    if cell is None:
        return '<span role="cell" class="cell none" aria-label="does not apply">·</span>'
    mark, name = _MARKS[cell.outcome]
    label = f"{row.check} on {node}: {cell.outcome.value}"
    if cell.total > 1:
        label += f", {cell.passed} of {cell.total} passed"
    label = escape(label, quote=True)
    if not cell.problems:
        return (
            f'<span role="cell" class="cell {name}" title="{label}">'
            f'<span aria-label="{label}" role="img">{mark}</span></span>'
        )
    count = f"<small>{len(cell.problems)}</small>" if cell.total > 1 else ""
    return (
        f'<span role="cell" class="cell {name}"><a href="#{anchor(row, node)}" '
        f'title="{label}" aria-label="{label}">{mark}{count}</a></span>'
    )


def anchor(row: Row, node: str) -> str:
    """Where the diagnosis of a cell is."""
    return "why-" + re.sub(r"[^a-zA-Z0-9]+", "-", f"{row.problems[0].category} {row.check} {node}")


def _subjects(subjects: Sequence[str]) -> Iterator[str]:
    for subject in subjects[:_SUBJECTS]:
        yield f"<code>{_breakable(subject)}</code> "
    if len(subjects) > _SUBJECTS:
        yield f"and {len(subjects) - _SUBJECTS} more: "


def _breakable(text: str) -> str:
    """Paths and digests may break after a slash, so that a phone need not scroll."""
    return escape(text).replace("/", "/<wbr>")
