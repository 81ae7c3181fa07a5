"""A verification for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from edgeboot.plan.steps import human_size
from edgeboot.verify.budgets import verdicts
from edgeboot.verify.results import CheckResult, Outcome, Verification
from edgeboot.verify.subject import Expectation

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.NOT_MEASURED: "yellow"}
_BAR = 20


def check_table(verification: Verification) -> Table:
    """One row a node and check, repeated checks (files, images) counted together."""
    table = Table(title="Is it so?", title_justify="left")
    for heading in ("node", "check", "passed", "failed", "not measured"):
        table.add_column(heading)
    rows: dict[tuple[str, str], list[CheckResult]] = {}
    for result in verification.results:
        if result.check != "budget":
            rows.setdefault((result.node, result.check), []).append(result)
    for (node, check), results in sorted(rows.items()):
        table.add_row(node, check, *(_count(results, outcome) for outcome in Outcome))
    return table


def _count(results: Sequence[CheckResult], outcome: Outcome) -> Text:
    number = sum(result.outcome is outcome for result in results)
    return Text(str(number), style=_STYLES[outcome]) if number else Text("·", style="dim")


def budget_table(verification: Verification, expectations: Sequence[Expectation]) -> Table:
    """What each node uses of its budget."""
    table = Table(title="Does it fit?", title_justify="left")
    for heading in ("node", "budget", "used", "limit", ""):
        table.add_column(heading, justify="right" if heading in {"used", "limit"} else "left")
    for expected in expectations:
        usage = verification.usages.get(expected.node)
        if usage is None:
            table.add_row(expected.node, "", Text("not measured", style="yellow"), "", "")
            continue
        if usage.method != "cgroup":
            table.caption = "Measured by summing K3s's processes: its cgroup is shared there."
        for verdict in verdicts(usage, expected.budget):
            style = "green" if verdict.fits else "bold red"
            limit = "none" if verdict.limit is None else amount(verdict.what, verdict.limit)
            bar = Text(_bar(verdict.used, verdict.limit), style=style)
            used = Text(amount(verdict.what, verdict.used), style=style)
            table.add_row(expected.node, verdict.what, used, limit, bar)
    return table


def _bar(used: int, limit: int | None) -> str:
    if not limit:
        return ""
    filled = min(_BAR, round(used / limit * _BAR))
    return "█" * filled + "░" * (_BAR - filled) + f" {used / limit:.0%}"


def amount(what: str, number: int) -> str:
    """A figure of a budget with its unit: thousandths of a core, or bytes."""
    return f"{number}m" if what == "cpu" else human_size(number)


def problems(verification: Verification) -> list[str]:
    """One line for each check that did not pass."""
    return [
        f"{r.outcome.value}: {r.node}: {r.check} {r.subject}: {r.message}".replace(" : ", ": ")
        for r in verification.results
        if r.outcome is not Outcome.PASSED
    ]


def verification_json(
    verification: Verification, expectations: Sequence[Expectation]
) -> dict[str, Any]:
    """Everything as one JSON document: bytes, millicores and seconds."""
    return {
        "exit_code": verification.exit_code,
        "checks": [
            {
                "node": result.node,
                "check": result.check,
                "subject": result.subject,
                "outcome": result.outcome.value,
                "message": result.message,
            }
            for result in verification.results
        ],
        "usage": {expected.node: _usage_json(verification, expected) for expected in expectations},
    }


def _usage_json(verification: Verification, expected: Expectation) -> dict[str, Any] | None:
    usage = verification.usages.get(expected.node)
    if usage is None:
        return None
    return {
        "window_seconds": round(usage.seconds, 2),
        "memory_median": usage.memory_median,
        "method": usage.method,
        "budgets": {
            verdict.what: {"used": verdict.used, "limit": verdict.limit, "fits": verdict.fits}
            for verdict in verdicts(usage, expected.budget)
        },
    }
