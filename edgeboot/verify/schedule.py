"""Which checks run, and on what: catalogue times nodes times selection. Pure.

pytest runs the built-in checks but does not decide which: results are compared with this list, and
a check without a result counts as not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeboot.verify.catalogue import Check, built_in
from edgeboot.verify.expectation import ClusterExpectation, Expectation
from edgeboot.verify.keyword import keyword_matcher
from edgeboot.verify.results import CLUSTER, CheckResult, Outcome
from edgeboot.verify.selection import CheckSelection, why_not


@dataclass(frozen=True)
class ScheduledCheck:
    """One check to run. ``subject`` names what it is about, ``value`` is that as its argument."""

    check: Check
    node: str
    subject: str = ""
    value: Any = None

    @property
    def name(self) -> str:
        """What ``-k`` matches: as pytest would call it."""
        return f"test_{self.check.name}[{' '.join(filter(None, (self.node, self.subject)))}]"

    def result(self, outcome: Outcome, message: str = "") -> CheckResult:
        """How it ended."""
        category = self.check.category
        return CheckResult(self.node, self.check.name, self.subject, outcome, message, category)


Rows = Sequence[tuple[str, Any]]
_OF_NODE: dict[str, Callable[[Expectation], Rows]] = {
    "expected_file": lambda node: [(file.path, file) for file in node.files],
    "image": lambda node: [(name, name) for name in node.images],
    "figure": lambda node: [(name, name) for name in node.limits],
}


def schedule(
    selection: CheckSelection,
    cluster: ClusterExpectation,
    nodes: Mapping[str, Expectation],
    workloads: Sequence[str],
) -> tuple[ScheduledCheck, ...]:
    """The built-in checks to run, one by one; ``workloads`` are the titles of those there are."""
    matches = keyword_matcher(selection.keyword)
    return tuple(
        scheduled
        for check in built_in()
        if check.category in selection.only
        for scheduled in _rows(check, cluster, nodes, workloads)
        if not why_not(check.name, selection, cluster, nodes.get(scheduled.node), len(nodes))
        and matches(scheduled.name)
    )


def not_run(
    selection: CheckSelection, cluster: ClusterExpectation, nodes: Mapping[str, Expectation]
) -> tuple[tuple[str, str], ...]:
    """The built-in checks that are run on no node, and why; not those that -k leaves out."""
    left_out: list[tuple[str, str]] = []
    for check in built_in():
        reasons = [
            why_not(check.name, selection, cluster, node, len(nodes)) for node in nodes.values()
        ]
        if check.category not in selection.only:
            continue
        if reasons and all(reasons):
            left_out.append((check.name, reasons[0]))
    return tuple(left_out)


def _rows(
    check: Check,
    cluster: ClusterExpectation,
    nodes: Mapping[str, Expectation],
    workloads: Sequence[str],
) -> Iterator[ScheduledCheck]:
    """A check by what it is called with."""
    match check.arguments:
        case ("cluster",):
            yield ScheduledCheck(check, CLUSTER)
        case ("cluster", "workload" | "chart" as kind):
            names = workloads if kind == "workload" else cluster.charts
            yield from (ScheduledCheck(check, CLUSTER, name, name) for name in names)
        case ("subject",):
            yield from (ScheduledCheck(check, name) for name in nodes)
        case ("subject", kind):
            for name, node in nodes.items():
                for subject, value in _OF_NODE[kind](node):
                    yield ScheduledCheck(check, name, subject, value)
        case other:
            raise TypeError(f"no check is called with {other}")
