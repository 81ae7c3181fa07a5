"""What the tables show: check by node, with a diagnosis beside each row that has problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeboot.report.verification.matrix import Cell, Row
from edgeboot.verify.results import CLUSTER, Outcome

_SUBJECTS = 3  # named of those that have the same problem
_FEW = 6  # nodes beside which there is room for diagnoses
_MARKS = {
    Outcome.PASSED: ("✓", "passed"),
    Outcome.FAILED: ("✗", "failed"),
    Outcome.NOT_MEASURED: ("?", "unmeasured"),
    Outcome.SKIPPED: ("-", "skipped"),
}


LEGEND = (
    *((state, mark, outcome.value) for outcome, (mark, state) in _MARKS.items()),
    ("none", "·", "does not apply"),
)


@dataclass(frozen=True)
class CellView:
    """One check on one node; ``anchor`` is where its diagnosis is, ``count`` how many failed."""

    state: str
    mark: str
    label: str
    anchor: str = ""
    count: int = 0


@dataclass(frozen=True)
class Problem:
    """What is wrong with some subjects of a check on a node."""

    anchor: str
    state: str
    node: str
    subjects: tuple[str, ...]
    more: int  # subjects that are not named
    message: str
    hint: str
    detail: str


@dataclass(frozen=True)
class RowView:
    """One check on all nodes of the table."""

    check: str
    cells: tuple[CellView, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Table:
    """Rows over the same nodes."""

    nodes: tuple[str, ...]
    size: str
    rows: tuple[RowView, ...]

    @property
    def well(self) -> bool:
        """Whether no row has a problem."""
        return not any(row.problems for row in self.rows)


def tables_of(rows: Sequence[Row], prefix: str) -> Iterator[Table]:
    """Rows about the cluster and rows about nodes are tables of their own.

    ``prefix`` makes anchors unique within the page.
    """
    groups: dict[bool, list[Row]] = {}
    for row in rows:
        groups.setdefault(set(row.cells) == {CLUSTER}, []).append(row)
    for letter, some in zip("ab", groups.values(), strict=False):
        nodes = tuple(dict.fromkeys(node for row in some for node in row.cells))
        yield Table(
            nodes=nodes,
            size="few" if len(nodes) <= _FEW else "many",
            rows=tuple(_row(row, nodes, f"{prefix}-{letter}{n}") for n, row in enumerate(some)),
        )


def _row(row: Row, nodes: Sequence[str], prefix: str) -> RowView:
    anchors = {node: f"{prefix}-{number}" for number, node in enumerate(nodes)}
    return RowView(
        check=row.check,
        cells=tuple(_cell(row, node, anchors[node]) for node in nodes),
        problems=tuple(
            problem
            for node, cell in row.cells.items()
            for problem in _problems(row, node, cell, anchors[node])
        ),
    )


def _cell(row: Row, node: str, anchor: str) -> CellView:
    cell = row.cells.get(node)
    if cell is None:
        return CellView("none", "·", "not applicable")
    mark, state = _MARKS[cell.outcome]
    label = f"{row.check} on {node}: {cell.outcome.value}"
    if cell.total > 1:
        label += f", {cell.passed} of {cell.total} passed"
    if not cell.problems:
        return CellView(state, mark, label)
    return CellView(state, mark, label, anchor, len(cell.problems) if cell.total > 1 else 0)


def _problems(row: Row, node: str, cell: Cell, anchor: str) -> Iterator[Problem]:
    """Equal ones stand together: of a silent host, every file has the same problem."""
    equal: dict[tuple[Outcome, str, str, str], list[str]] = {}
    for one in cell.problems:
        why = f"follows from {one.because}" if one.because else one.message
        subjects = equal.setdefault((one.outcome, why, one.hint, one.detail), [])
        if one.subject != row.check:
            subjects.append(one.subject)
    for number, ((outcome, message, hint, detail), subjects) in enumerate(equal.items()):
        named = tuple(filter(None, subjects))
        yield Problem(
            anchor=anchor if number == 0 else "",
            state=_MARKS[outcome][1],
            node=node,
            subjects=named[:_SUBJECTS],
            more=max(0, len(named) - _SUBJECTS),
            message=message,
            hint=hint,
            detail=detail,
        )
