"""The table of preflight: readable without colour, and nothing is lost in it."""

from __future__ import annotations

import io

from rich.console import Console

from edgeboot.plan.findings import Finding, Severity
from edgeboot.report.preflight import finding_lines, preflight_json, preflight_tables

CHECKS = [("preflight.a", "first"), ("preflight.b", "second")]
FOUND = {
    "pi-1": (
        Finding("preflight.a", Severity.WARN, "warm", "wait"),
        Finding("preflight.a", Severity.REFUSE, "hot", "cool it"),
    ),
    "pi-2": (
        Finding("preflight.a", Severity.FIX, "bent", "straighten it"),
        Finding("preflight.b", Severity.UNKNOWN, "dark", "make light"),
    ),
    "pi-3": (),
}


def drawn(found: dict[str, tuple[Finding, ...]]) -> list[list[str]]:
    out = io.StringIO()
    console = Console(file=out, width=100, no_color=True)
    for table in preflight_tables(found, CHECKS):
        console.print(table)
    return [line.split() for line in out.getvalue().splitlines()]


def test_the_gravest_finding_of_a_check_is_shown() -> None:
    assert drawn(FOUND) == [
        ["check", "pi-1", "pi-2", "pi-3"],
        ["first", "REFUSE", "fix", "ok"],
        ["second", "ok", "?", "ok"],
    ]


def test_many_nodes_are_drawn_some_at_a_time() -> None:
    rows = drawn({f"n{i}": () for i in range(9)})
    assert [row[0] for row in rows] == ["check", "first", "second"] * 2
    assert rows[3] == ["check", "n8"]


def test_every_finding_has_a_line_with_its_id_and_fix_the_gravest_first() -> None:
    assert list(finding_lines(FOUND)) == [
        "pi-1: refuse: hot [preflight.a]",
        "    next: cool it",
        "pi-2: fix: bent [preflight.a]",
        "    `edgeboot install` will: straighten it",
        "pi-1: warn: warm [preflight.a]",
        "    recommended: wait",
        "pi-2: unknown: dark [preflight.b]",
        "    next: make light",
    ]


def test_nodes_that_share_a_finding_are_told_once() -> None:
    shared = Finding("preflight.a", Severity.WARN, "warm", "wait")
    found = dict.fromkeys(("server-1", "pi-1", "pi-2", "pi-3"), (shared,))
    assert list(finding_lines(found)) == [
        "server-1, pi-1 … pi-3: warn: warm [preflight.a]",
        "    recommended: wait",
    ]


def test_the_document_names_every_node() -> None:
    found = preflight_json(FOUND, 5)
    assert found["exit-code"] == 5
    assert found["nodes"]["pi-3"] == []
    assert found["nodes"]["pi-2"][1] == {
        "id": "preflight.b",
        "severity": "unknown",
        "what": "dark",
        "fix": "make light",
    }
