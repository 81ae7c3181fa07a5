"""The user's own tests as a pytest session: their directory, its conftest.py, our fixtures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from testinfra.host import Host

from edgeboot.errors import BadInput
from edgeboot.verify.keyword import Matcher
from edgeboot.verify.measure.budgets import Verdict, shown
from edgeboot.verify.results import CLUSTER, Category, CheckResult, Outcome
from edgeboot.verify.session.backend import host_of
from edgeboot.verify.session.isolated import run_pytest
from edgeboot.verify.session.recorder import Recorder, Tell
from edgeboot.verify.subject import ClusterSubject, Subject


def collect_own(path: Path, nodes: Collection[str], matches: Matcher) -> int:
    """How many tests of a directory or file are selected, before any host is read.

    Raises:
        BadInput: there is no test, or pytest cannot load one.

    """
    return len(_session(path, _Own(nodes, {}, None, matches, lambda _result: None), run=False))


def run_own(
    path: Path,
    subjects: Mapping[str, Subject],
    cluster: ClusterSubject,
    matches: Matcher,
    tell: Tell,
) -> list[CheckResult]:
    """A result for each test in a directory or file; one that did not run is not measured.

    Raises:
        BadInput: there is no test, or pytest cannot load one.

    """
    plugin = _Own(subjects, subjects, cluster, matches, tell)
    for item in _session(path, plugin, run=True):
        if item.nodeid not in plugin.recorded:
            message = f"this test did not run: {plugin.why}"
            plugin.record(plugin.result_of(item, Outcome.NOT_MEASURED, message))
    return plugin.results


def _session(path: Path, plugin: _Own, *, run: bool) -> Sequence[pytest.Function]:
    """The selected tests, run or only collected."""
    path = path.resolve()
    root = path if path.is_dir() else path.parent
    code = run_pytest([path], plugin, root=root, conftest=True, run=run)
    if plugin.interrupted is not None:
        raise plugin.interrupted
    for file, what in plugin.broken:
        raise BadInput(what, where=file, hint="fix this file; pytest cannot load it")
    if not plugin.found and code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise BadInput("no tests found", where=str(path), hint="name functions test_*")
    plugin.why = plugin.why or f"pytest ended with exit code {int(code)}"
    if not plugin.found:
        raise BadInput(f"pytest cannot load these tests: {plugin.why}", where=str(path))
    return plugin.selected


class NodeBudget:
    """The fixture ``budget``: ``budget["memory"].used``."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __getitem__(self, figure: str) -> Verdict:
        """What a node used of a figure, and its limit; NotMeasured where it was not measured."""
        return self._subject.verdict(figure)

    def check(self, figure: str) -> None:
        """Asserts that a figure is within its budget."""
        found = self[figure]
        if not found.fits:
            limit = shown(figure, found.limit or 0)
            raise AssertionError(f"{shown(figure, found.used)} of {limit}")


class _Own(Recorder):
    """Gives the user's tests their fixtures."""

    def __init__(
        self,
        nodes: Collection[str],
        subjects: Mapping[str, Subject],
        cluster: ClusterSubject | None,
        matches: Matcher,
        tell: Tell,
    ) -> None:
        super().__init__(tell)
        self._nodes = list(nodes)
        self._subjects = subjects
        self._cluster = cluster
        self._matches = matches
        self.found = False
        self.selected: list[pytest.Function] = []

    def result_of(self, item: pytest.Function, outcome: Outcome, message: str) -> CheckResult:
        """By the test's name and parameters."""
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        about = [str(value) for name, value in parameters.items() if name != "node_name"]
        return CheckResult(
            node=str(parameters.get("node_name", CLUSTER)),
            check=item.originalname.removeprefix("test_"),
            subject=" ".join(about),
            outcome=outcome,
            message=message,
            category=Category.OWN,
        )

    def detailed(self, result: CheckResult, detail: str) -> CheckResult:
        """Pytest shows both sides of an assertion."""
        return replace(result, detail=detail)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that asks for a node runs once for each."""
        if "node_name" in metafunc.fixturenames:
            metafunc.parametrize("node_name", self._nodes)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that skips itself counts as found."""
        self.found = self.found or report.skipped

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Applies ``-k``."""
        self.found = self.found or bool(items)
        items[:] = [item for item in items if self._matches(item.nodeid)]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keeps what is to run."""
        self.selected = [item for item in session.items if isinstance(item, pytest.Function)]

    @pytest.fixture
    def node(self, node_name: str) -> Subject:
        """The node a test is about."""
        return self._subjects[node_name]

    @pytest.fixture
    def cluster(self) -> ClusterSubject | None:
        """The cluster."""
        return self._cluster

    @pytest.fixture
    def budget(self, node: Subject) -> NodeBudget:
        """The node's figures and limits."""
        return NodeBudget(node)

    @pytest.fixture
    def host(self, node: Subject) -> Host:
        """The node's testinfra host, over the connection that is open."""
        return host_of(node.transport)
