"""The pytest plugin: gives checks their subjects, and turns how they ended into values."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import pytest
from testinfra.host import Host

from edgeboot.errors import EdgebootError, Interrupted
from edgeboot.verify.checks import CHECKS
from edgeboot.verify.measure.budgets import Verdict, shown
from edgeboot.verify.results import CLUSTER, Category, CheckResult, Outcome
from edgeboot.verify.selection import CheckSelection, applies
from edgeboot.verify.subject import ClusterSubject, Subject

_UNREAD = "(not read)"
_FILES = {
    "test_config": Category.CONFIG,
    "test_health": Category.HEALTH,
    "test_budget": Category.BUDGET,
}


class NodeBudget:
    """What tests of the user's own ask of a node's figures: ``budget["memory"].used``."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __getitem__(self, figure: str) -> Verdict:
        """What was used of a figure, and its limit; not measured where it could not be had."""
        return self._subject.verdict(figure)

    def check(self, figure: str) -> None:
        """Asserts that a figure is within its budget."""
        found = self[figure]
        if not found.fits:
            raise AssertionError(
                f"{shown(figure, found.used)} of {shown(figure, found.limit or 0)}"
            )


class Plugin:
    """Subjects in, results out."""

    def __init__(
        self,
        subjects: Mapping[str, Subject],
        cluster: ClusterSubject,
        scope: CheckSelection,
        tell: Callable[[CheckResult], None],
    ) -> None:
        self._subjects = subjects
        self._cluster = cluster
        self._scope = scope
        self._tell = tell
        self.results: list[CheckResult] = []
        self.interrupted: Interrupted | None = None
        self.broken: list[tuple[str, str]] = []  # file, last line of what is wrong with it

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check runs once a node, or for every file, image … of a node, or once."""
        names = metafunc.fixturenames
        built_in = metafunc.definition.path.parent == CHECKS
        for many, of in _PER_NODE.items():
            if built_in and many in names:
                rows = [(s.name, item) for s in self._subjects.values() for item in of(s)]
                ids = [f"{name} {getattr(item, 'path', item)}" for name, item in rows]
                metafunc.parametrize(("node_name", many), rows, ids=ids)
                return
        for many, of_cluster in _PER_CLUSTER.items():
            if built_in and many in names:
                metafunc.parametrize(many, of_cluster(self._cluster))
                return
        if "node_name" in names:
            metafunc.parametrize("node_name", list(self._subjects))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out built-in checks that mean nothing here."""
        items[:] = [item for item in items if self._applies(item)]

    def _applies(self, item: pytest.Item) -> bool:
        if not isinstance(item, pytest.Function) or _category(item) is Category.OWN:
            return True
        subject = self._subjects.get(_node(item))
        return applies(
            item.originalname.removeprefix("test_"),
            self._scope,
            self._cluster.expected,
            subject.expected if subject else None,
            len(self._subjects),
        )

    @pytest.fixture
    def subject(self, node_name: str) -> Subject:
        """The node a check is about."""
        return self._subjects[node_name]

    @pytest.fixture
    def node(self, subject: Subject) -> Subject:
        """The same, as tests of the user's own call it."""
        return subject

    @pytest.fixture
    def probed(self, subject: Subject) -> Subject:
        """The same, for checks that ask pods."""
        return subject

    @pytest.fixture
    def server(self, subject: Subject) -> Subject:
        """The same, for checks of servers."""
        return subject

    @pytest.fixture
    def cluster(self) -> ClusterSubject:
        """The cluster."""
        return self._cluster

    @pytest.fixture
    def budget(self, subject: Subject) -> NodeBudget:
        """The node's figures and limits."""
        return NodeBudget(subject)

    @pytest.fixture
    def host(self, subject: Subject) -> Host:
        """The node's testinfra host, over the connection that is open."""
        return subject.host

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Keeps what is wrong with a file of tests."""
        report = yield
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            self.broken.append((str(collector.path), lines[-1] if lines else "it cannot be read"))
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turns the end of a check into a value."""
        report = yield
        if call.when == "call" or (call.when == "setup" and call.excinfo is not None):
            self._record(item, call)
        return report

    def _record(self, item: pytest.Function, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and isinstance(call.excinfo.value, Interrupted):
            self.interrupted = call.excinfo.value
            item.session.shouldstop = "interrupted"
            return
        outcome, message, detail = _judge(call.excinfo)
        category = _category(item)
        result = CheckResult(
            node=_node(item),
            check=item.originalname.removeprefix("test_").replace("_", " "),
            subject=_about(item),
            outcome=outcome,
            message=message,
            category=category,
            detail=detail if category is Category.OWN else "",
        )
        self.results.append(result)
        self._tell(result)


_PER_NODE: dict[str, Callable[[Subject], Sequence[Any]]] = {
    "expected_file": lambda subject: subject.expected.files,
    "image": lambda subject: tuple(subject.expected.images),
    "figure": lambda subject: tuple(subject.expected.limits),
}


def _workloads(cluster: ClusterSubject) -> Sequence[str]:
    try:
        return tuple(workload.title for workload in cluster.reading.workloads)
    except EdgebootError:
        return (_UNREAD,)


_PER_CLUSTER: dict[str, Callable[[ClusterSubject], Sequence[str]]] = {
    "workload": _workloads,
    "chart": lambda cluster: cluster.expected.charts,
}


def _parameters(item: pytest.Function) -> Mapping[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _node(item: pytest.Function) -> str:
    return str(_parameters(item).get("node_name", CLUSTER))


def _about(item: pytest.Function) -> str:
    about = [v for k, v in _parameters(item).items() if k != "node_name"]
    return " ".join(str(getattr(value, "path", value)) for value in about)


def _category(item: pytest.Function) -> Category:
    return _FILES[item.path.stem] if item.path.parent == CHECKS else Category.OWN


def _judge(excinfo: pytest.ExceptionInfo[BaseException] | None) -> tuple[Outcome, str, str]:
    """A failed assertion of ours is a failure; anything else means it could not be measured.

    testinfra raises AssertionError too where a command of its own did not work.
    """
    if excinfo is None:
        return Outcome.PASSED, "", ""
    error = excinfo.value
    raised_in = excinfo.traceback[-1].frame.f_globals.get("__name__", "")
    if isinstance(error, pytest.skip.Exception):
        return Outcome.SKIPPED, str(error), ""
    failed = isinstance(error, AssertionError) and not raised_in.startswith("testinfra")
    if failed or isinstance(error, pytest.fail.Exception):
        head, _, rest = str(error).partition("\n")
        return Outcome.FAILED, head or "failed", rest
    what = error.what if isinstance(error, EdgebootError) else f"{type(error).__name__}: {error}"
    head, _, rest = what.partition("\n")
    return Outcome.NOT_MEASURED, head or "no reason given", rest
