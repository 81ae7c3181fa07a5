"""Preflight's findings for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from edgeboot.plan.findings import Finding, Severity
from edgeboot.report.names import names

Findings = Mapping[str, tuple[Finding, ...]]

_NODES_ABREAST = 8
_ORDER = tuple(Severity)  # most severe first
_CELLS = {
    None: "ok",
    Severity.REFUSE: "[bold red]REFUSE[/]",
    Severity.FIX: "[cyan]fix[/]",
    Severity.WARN: "[yellow]warn[/]",
    Severity.UNKNOWN: "[magenta]?[/]",
}


def preflight_tables(found: Findings, checks: Sequence[tuple[str, str]]) -> Iterator[Table]:
    """Check by node, a few nodes at a time; ``checks`` are ids and titles. Needs no colour."""
    nodes = list(found)
    for start in range(0, len(nodes), _NODES_ABREAST):
        abreast = nodes[start : start + _NODES_ABREAST]
        table = Table("check", *abreast, box=None, pad_edge=False, header_style="bold")
        for id_, title in checks:
            table.add_row(title, *(_CELLS[_worst(found[node], id_)] for node in abreast))
        yield table


def _worst(some: Sequence[Finding], id_: str) -> Severity | None:
    return min((f.severity for f in some if f.id == id_), key=_ORDER.index, default=None)


def finding_lines(found: Findings) -> Iterator[str]:
    """Every finding with what to do about it, most severe first; nodes that share it together."""
    shared: dict[Finding, list[str]] = {}
    for node, some in found.items():
        for one in some:
            shared.setdefault(one, []).append(node)
    for one, nodes in sorted(shared.items(), key=lambda item: _ORDER.index(item[0].severity)):
        yield f"{names(nodes)}: {one.severity.value}: {one.what} [{one.id}]"
        yield f"    {_INTRODUCED[one.severity]}: {one.fix}"


_INTRODUCED = {
    Severity.REFUSE: "next",
    Severity.FIX: "`edgeboot install` will",
    Severity.WARN: "recommended",
    Severity.UNKNOWN: "next",
}


def preflight_json(found: Findings, exit_code: int) -> dict[str, Any]:
    """One JSON document; a node without findings has an empty list."""
    return {
        "exit-code": exit_code,
        "nodes": {
            node: [
                {"id": f.id, "severity": f.severity.value, "what": f.what, "fix": f.fix}
                for f in some
            ]
            for node, some in found.items()
        },
    }
