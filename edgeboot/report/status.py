"""A cluster's status for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from edgeboot.lifecycle.status import ClusterReport, NodeReport

_HEADINGS = ("NODE", "ROLE", "ADDRESS", "SERVICE", "VERSION", "READY", "IMAGES")
_READY = {True: "yes", False: "NO", None: "?"}
_JOURNAL_LINES = 6


def status_lines(report: ClusterReport) -> Iterator[str]:
    """A table, then each problem with its cause, the journal's last lines and the next step."""
    rows = [_HEADINGS, *(_row(node) for node in report.nodes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield from ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    for chart in report.charts or ():
        state = "installed" if chart.done else chart.message
        yield f"chart {chart.namespace}/{chart.name}: {state}"
    for node in report.nodes:
        if node.why:
            yield f"{node.name}: {node.why} [{node.error_id}]"
            if node.journal:
                yield "  last lines of its journal:"
                yield from (f"    {line}" for line in node.journal.splitlines()[-_JOURNAL_LINES:])
            if node.hint:
                yield f"  next: {node.hint}"
    for one in report.unlisted:
        yield f"{one.node}: {one.what} [{one.error_id}]"
        yield f"  next: {one.hint}"


def _row(node: NodeReport) -> tuple[str, ...]:
    return (
        node.name,
        node.role,
        node.address,
        node.service if node.reachable else "unreachable",
        node.version or "-",
        _READY[node.ready],
        "-" if node.images is None else str(node.images),
    )


def status_json(report: ClusterReport) -> dict[str, Any]:
    """The report as one JSON document."""
    return asdict(report)
