"""A node's figures for a report, and a role's limits for a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgeboot.errors import EdgebootError
from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.inventory.model import Role
from edgeboot.verify.measure.budgets import Verdict, beyond, recorded
from edgeboot.verify.measure.usage import Reading, Series, Unmeasured, Usage
from edgeboot.verify.results import Measured, NodeReport
from edgeboot.verify.subject import Subject

_POINTS = 120  # of a series that go into a report
_DIRECTORIES = 12


def node_report(subject: Subject) -> NodeReport:
    """All measured figures, and limited ones that were not measured."""
    expected = subject.expected
    try:
        usage = subject.usage
    except EdgebootError as error:
        unread = tuple(
            Measured(name, None, limit, None, error.what) for name, limit in expected.limits.items()
        )
        return NodeReport(
            *(expected.node, expected.role.value, unread),
            address=expected.address,
            budget=expected.budget,
        )
    figures = (
        _measured(name, usage, expected.limits.get(name), expected.capacity) for name in ALL_FIGURES
    )
    largest = sorted(usage.disk.items(), key=lambda item: -item[1])[:_DIRECTORIES]
    return NodeReport(
        name=expected.node,
        role=expected.role.value,
        figures=tuple(f for f in figures if f is not None),
        seconds=round(usage.seconds, 2),
        method=usage.method,
        disk=tuple(largest),
        address=expected.address,
        budget=expected.budget,
    )


def _measured(
    name: str, usage: Usage, limit: int | None, capacity: Mapping[str, int]
) -> Measured | None:
    match usage.figures.get(name):
        case Reading() as reading:
            fits = Verdict(name, reading.value, limit).fits if limit is not None else None
            series = thinned(reading.series)
            note = beyond(name, limit, capacity)
            return Measured(name, reading.value, limit, fits, "", reading.spread, series, note)
        case Unmeasured() as missing if limit is not None:
            return Measured(name, None, limit, None, missing.why)
        case _:
            return None


def thinned(series: Series) -> Series:
    """At most 120 points; each is the largest of several, so that no peak is lost."""
    step = -(-len(series) // _POINTS)
    if step <= 1:
        return tuple((round(at, 2), value) for at, value in series)
    groups = (series[start : start + step] for start in range(0, len(series), step))
    return tuple((round(group[0][0], 2), max(value for _, value in group)) for group in groups)


def recorded_limits(subjects: Iterable[Subject], margin: int) -> dict[Role, dict[str, int]]:
    """Limits of each measured role: ``margin`` per cent above its largest use."""
    usages: dict[Role, list[Usage]] = {}
    for subject in subjects:
        try:
            usages.setdefault(subject.role, []).append(subject.usage)
        except EdgebootError:
            continue
    limits = {role: recorded(usages.get(role, ()), margin) for role in Role}
    return {role: of_role for role, of_role in limits.items() if of_role}
