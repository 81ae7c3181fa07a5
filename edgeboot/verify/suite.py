"""Runs the checks as pytest, in process and silently, and turns its reports into values."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from edgeboot.errors import EdgebootError
from edgeboot.transport.base import Transport
from edgeboot.verify.budgets import Usage
from edgeboot.verify.results import CheckResult, Outcome, Verification
from edgeboot.verify.subject import Expectation, Subject

CHECKS = Path(__file__).parent / "checks"


def verify(
    expectations: Sequence[Expectation],
    transports: Mapping[str, Transport],
    *,
    window: int,
    tell: Callable[[CheckResult], None],
    aside: frozenset[str] = frozenset(),
) -> Verification:
    """Runs every check on every node; ``window`` in seconds is how long use is sampled.

    Nodes ``aside`` are read for the others' sake and not checked themselves.
    The first expectation is the first server: it speaks for the cluster.
    """
    subjects: dict[str, Subject] = {}
    first = expectations[0].node
    for expected in expectations:
        subjects[expected.node] = Subject(
            expected, transports[expected.node], window, lambda: subjects[first]
        )
    with ThreadPoolExecutor(max_workers=len(subjects)) as pool:
        list(pool.map(Subject.read, subjects.values()))
    plugin = _Plugin(subjects, aside, tell)
    with tempfile.TemporaryDirectory(prefix="edgeboot-verify-") as root:
        code = pytest.main(_arguments(root), plugins=[plugin])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not plugin.results:
        raise EdgebootError(f"the checks could not be run: pytest ended with {code!r}")
    checked = {name: subject for name, subject in subjects.items() if name not in aside}
    return Verification(tuple(plugin.results), {name: _usage(s) for name, s in checked.items()})


def _arguments(root: str) -> list[str]:
    # No configuration, plugin or cache of the directory edgeboot happens to be called in.
    return [
        str(CHECKS),
        "--capture=no",
        f"--rootdir={root}",
        f"--config-file={os.devnull}",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:testinfra",
        "-p",
        "no:pytest11.testinfra",
    ]


def _usage(subject: Subject) -> Usage | None:
    try:
        return subject.usage
    except EdgebootError:
        return None


class _Plugin:
    """Gives the checks their subjects and collects how they ended."""

    def __init__(
        self,
        subjects: Mapping[str, Subject],
        aside: frozenset[str],
        tell: Callable[[CheckResult], None],
    ) -> None:
        self._subjects = subjects
        self._aside = aside
        self._tell = tell
        self.results: list[CheckResult] = []

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each check runs once a node, or once for every file, image or budget of a node."""
        names = metafunc.fixturenames
        expected = [s.expected for n, s in self._subjects.items() if n not in self._aside]
        if "expected_file" in names:
            self._spread(
                metafunc, "expected_file", [(e, f, f.path) for e in expected for f in e.files]
            )
        elif "image" in names:
            self._spread(metafunc, "image", [(e, i, i) for e in expected for i in e.images])
        elif "budget" in names:
            kinds = ("memory", "cpu", "disk")
            self._spread(metafunc, "budget", [(e, kind, kind) for e in expected for kind in kinds])
        else:
            rows = [e.node for e in expected]
            metafunc.parametrize("node_name", rows, ids=rows)

    def _spread(
        self, metafunc: pytest.Metafunc, name: str, rows: list[tuple[Expectation, Any, str]]
    ) -> None:
        values = [(e.node, value) for e, value, _ in rows]
        metafunc.parametrize(("node_name", name), values, ids=[f"{e.node} {i}" for e, _, i in rows])

    @pytest.fixture
    def subject(self, node_name: str) -> Subject:
        """The node a check is about."""
        return self._subjects[node_name]

    @pytest.fixture
    def host(self, subject: Subject) -> Host:
        """Its testinfra host."""
        return subject.host

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turns the end of a check into a value."""
        report = yield
        if call.when == "call" or call.excinfo is not None:
            self._record(item, call)
        return report

    def _record(self, item: pytest.Function, call: pytest.CallInfo[None]) -> None:
        outcome, message = _judge(call.excinfo)
        parameters = item.callspec.params
        about = next((v for k, v in parameters.items() if k != "node_name"), "")
        result = CheckResult(
            node=str(parameters["node_name"]),
            check=item.originalname.removeprefix("test_").replace("_", " "),
            subject=str(getattr(about, "path", about)),
            outcome=outcome,
            message=message,
        )
        self.results.append(result)
        self._tell(result)


def _judge(excinfo: pytest.ExceptionInfo[BaseException] | None) -> tuple[Outcome, str]:
    """A failed assertion of ours is a failure; anything else means it could not be measured.

    testinfra raises AssertionError too where a command of its own did not work.
    """
    if excinfo is None:
        return Outcome.PASSED, ""
    error = excinfo.value
    raised_in = excinfo.traceback[-1].frame.f_globals.get("__name__", "")
    if isinstance(error, AssertionError) and not raised_in.startswith("testinfra"):
        return Outcome.FAILED, str(error).splitlines()[0] if str(error) else "failed"
    what = error.what if isinstance(error, EdgebootError) else f"{type(error).__name__}: {error}"
    return Outcome.NOT_MEASURED, what.splitlines()[0] if what else "no reason given"
