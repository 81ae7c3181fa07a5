"""A plan for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.plan import Plan
from edgeboot.plan.steps import Run, Upload, Write, as_json, human_size


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan, phase by phase and host by host, with the differences of small files."""
    warned = {node: _warnings(some) for node, some in plan.findings.items()}
    yield from remark_lines(plan)
    if plan.empty:
        yield "No changes: every host matches the inventory."
        if total := sum(map(len, warned.values())):
            yield f"{total} warnings; show them: edgeboot preflight"
        return
    for node, warnings in warned.items():
        yield from (f"warning: {node}: {one.what} [{one.id}]" for one in warnings)
    yield from (f"note: {node}: {note}" for node, note in plan.notes.items())
    for phase in plan.phases:
        if not phase.steps:
            continue
        yield f"{phase.name}:"
        for node, steps in phase.steps.items():
            yield f"  {node}"
            for step in steps:
                yield f"    {step.describe()}"
                if isinstance(step, Write | Run):
                    yield from (f"        {line}" for line in step.details())
    yield summary(plan)


def remark_lines(plan: Plan) -> Iterator[str]:
    """What no step changes, and what to do about it."""
    for one in plan.remarks:
        about = f"{one.node}: " if one.node else ""
        yield f"warning: {about}{one.what} [{one.error_id}]"
        yield f"  next: {one.hint}"


def _warnings(some: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(f for f in some if f.severity in {Severity.WARN, Severity.UNKNOWN})


def summary(plan: Plan) -> str:
    """One line: how many steps, hosts and bytes."""
    hosts = len({node for node, _ in plan.steps})
    sent = sum(step.source.size for _, step in plan.steps if isinstance(step, Upload))
    sending = f", {human_size(sent)} to send" if sent else ""
    return f"{len(plan.steps)} steps on {hosts} hosts{sending}"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as one JSON document; secrets are masked, contents of uploads omitted."""
    return {
        "empty": plan.empty,
        "findings": {
            node: [{"id": f.id, "severity": f.severity.value, "what": f.what} for f in some]
            for node, some in plan.findings.items()
            if some
        },
        "notes": dict(plan.notes),
        "remarks": [
            {"node": r.node, "id": r.error_id, "what": r.what, "next": r.hint} for r in plan.remarks
        ],
        "phases": [
            {
                "name": phase.name,
                "nodes": {node: [as_json(s) for s in steps] for node, steps in phase.steps.items()},
            }
            for phase in plan.phases
        ],
    }
