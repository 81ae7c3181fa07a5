"""The built-in checks as a pytest session: each runs as often as it is scheduled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from edgeboot.errors import EdgebootError
from edgeboot.verify.catalogue import CHECK_FILES
from edgeboot.verify.checks import CHECKS
from edgeboot.verify.results import CheckResult, Outcome
from edgeboot.verify.schedule import ScheduledCheck
from edgeboot.verify.session.isolated import run_pytest
from edgeboot.verify.session.recorder import Recorder, Tell
from edgeboot.verify.subject import ClusterSubject, Subject


def run_scheduled(
    scheduled: Sequence[ScheduledCheck],
    subjects: Mapping[str, Subject],
    cluster: ClusterSubject,
    tell: Tell,
) -> list[CheckResult]:
    """A result for each scheduled check; one that did not run is not measured."""
    if not scheduled:
        return []
    plugin = _Checks(scheduled, subjects, cluster, tell)
    categories = {one.check.category for one in scheduled}
    paths = [path for category, path in CHECK_FILES.items() if category in categories]
    code = run_pytest(paths, plugin, root=CHECKS, conftest=False)
    if plugin.interrupted is not None:
        raise plugin.interrupted
    for path, what in plugin.broken:
        raise EdgebootError(f"cannot load the built-in checks: {what}", where=path)
    why = plugin.why or f"pytest ended with exit code {int(code)}"
    for number, one in enumerate(scheduled):
        if number not in plugin.ran:
            plugin.record(one.result(Outcome.NOT_MEASURED, f"this check did not run: {why}"))
    return plugin.results


class _Checks(Recorder):
    """Gives checks their subjects."""

    def __init__(
        self,
        scheduled: Sequence[ScheduledCheck],
        subjects: Mapping[str, Subject],
        cluster: ClusterSubject,
        tell: Tell,
    ) -> None:
        super().__init__(tell)
        self._scheduled = scheduled
        self._subjects = subjects
        self._cluster = cluster
        self.ran: set[int] = set()

    def result_of(self, item: pytest.Function, outcome: Outcome, message: str) -> CheckResult:
        """By the number that is the parameters' id."""
        number = int(item.callspec.id)
        self.ran.add(number)
        return self._scheduled[number].result(outcome, message)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check is called once for each row of the schedule that is its own."""
        name = metafunc.function.__name__.removeprefix("test_")
        rows = [(n, one) for n, one in enumerate(self._scheduled) if one.check.name == name]
        if rows:
            values = [self._values(one) for _, one in rows]
            metafunc.parametrize(rows[0][1].check.arguments, values, ids=[str(n) for n, _ in rows])

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Leaves out checks that are not scheduled."""
        items[:] = [item for item in items if hasattr(item, "callspec")]

    def _values(self, one: ScheduledCheck) -> tuple[Any, ...]:
        about = self._subjects.get(one.node, self._cluster)
        return (about, one.value)[: len(one.check.arguments)]
