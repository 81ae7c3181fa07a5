"""A plan for people and for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from edgeboot.plan.plan import Plan, PlannedPhase
from edgeboot.plan.steps import Run, Step, Upload, Write, as_json, human_size
from edgeboot.report.names import names
from edgeboot.report.warnings import Told, count_of, warning_lines, warnings_of

_MOST_SHOWN = 12  # lines of one change
_SEVERAL = "        (what changes differs by host: --diff shows it)"


def plan_lines(plan: Plan, *, whole: bool = False, known: Collection[Told] = ()) -> Iterator[str]:
    """The plan, phase by phase; hosts with equal steps are told together, with what changes.

    ``whole``: host by host, with the text of every small file. ``known`` are warnings that an
    earlier run has told.
    """
    yield from remark_lines(plan)
    if plan.empty:
        yield f"No changes: every host matches the inventory{_warned(plan)}."
        return
    yield from warning_lines(plan.findings, known)
    yield from _notes(plan.notes)
    for phase in plan.phases:
        if phase.steps:
            yield f"{phase.name}:"
            yield from _by_host(phase) if whole else _by_steps(phase, plan.roles)
    yield summary(plan)


def remark_lines(plan: Plan) -> Iterator[str]:
    """What no step changes, and what to do about it."""
    for one in plan.remarks:
        about = f"{one.node}: " if one.node else ""
        yield f"warning: {about}{one.what} [{one.error_id}]"
        yield f"  next: {one.hint}"


def _warned(plan: Plan) -> str:
    number = len(warnings_of(plan.findings))
    return f" ({count_of(number)}: `edgeboot preflight`)" if number else ""


def _notes(notes: Mapping[str, str]) -> Iterator[str]:
    alike: dict[str, list[str]] = {}
    for node, note in notes.items():
        alike.setdefault(note, []).append(node)
    yield from (f"note: {names(nodes)}: {note}" for note, nodes in alike.items())


def _by_host(phase: PlannedPhase) -> Iterator[str]:
    for node, steps in phase.steps.items():
        yield f"  {node}"
        for step in steps:
            yield f"    {step.describe()}"
            yield from (f"        {line}" for line in _details(step))


def _by_steps(phase: PlannedPhase, roles: Mapping[str, str]) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for node, steps in phase.steps.items():
        groups.setdefault(tuple(step.describe() for step in steps), []).append(node)
    for texts, nodes in groups.items():
        yield f"  {_heading(nodes, roles, len(texts))}"
        for alike in zip(*(phase.steps[node] for node in nodes), strict=True):
            yield f"    {alike[0].describe()}"
            yield from _change(alike)


def _heading(nodes: Sequence[str], roles: Mapping[str, str], steps: int) -> str:
    if len(nodes) == 1:
        return nodes[0]
    kinds = {roles.get(node, "host") for node in nodes}
    kind = kinds.pop() if len(kinds) == 1 else "host"
    same = "the same step" if steps == 1 else f"the same {steps} steps"
    return f"{len(nodes)} {kind}s: {same} ({names(nodes)})"


def _change(alike: Iterable[Step]) -> Iterator[str]:
    """What a step changes in something that exists; new files are in the whole plan only."""
    changes = {tuple(_changed(step)) for step in alike}
    if len(changes) > 1:
        yield _SEVERAL
        return
    lines = changes.pop()
    yield from (f"        {line}" for line in lines[:_MOST_SHOWN])
    if more := len(lines[_MOST_SHOWN:]):
        yield f"        … and {_count(more, 'line')} more: --diff shows them"


def _changed(step: Step) -> Iterator[str]:
    if isinstance(step, Write) and step.old is not None:
        yield from (line for line in step.details() if line.startswith(("+", "-")))
    elif isinstance(step, Run) and all(line.startswith(("+", "-")) for line in step.shown):
        yield from step.shown


def _details(step: Step) -> tuple[str, ...]:
    return step.details() if isinstance(step, Write | Run) else ()


def summary(plan: Plan) -> str:
    """One line: how many steps, hosts and bytes."""
    hosts = len({node for node, _ in plan.steps})
    sent = sum(step.source.size for _, step in plan.steps if isinstance(step, Upload))
    sending = f", {human_size(sent)} to send" if sent else ""
    return f"{_count(len(plan.steps), 'step')} on {_count(hosts, 'host')}{sending}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
