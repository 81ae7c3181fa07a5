"""What both sessions share: outcomes of tests as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from edgeboot.errors import EdgebootError, Interrupted
from edgeboot.verify.results import CheckResult, Outcome

Tell = Callable[[CheckResult], None]


class Recorder:
    """A pytest plugin that keeps results, and the reason if the session ended early."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.results: list[CheckResult] = []
        self.recorded: set[str] = set()  # ids of tests that have a result
        self.interrupted: Interrupted | None = None
        self.broken: list[tuple[str, str]] = []  # file, last line of the error
        self.why = ""  # what ended the session early

    def result_of(self, item: pytest.Function, outcome: Outcome, message: str) -> CheckResult:
        """A test's result."""
        raise NotImplementedError

    def detailed(self, result: CheckResult, detail: str) -> CheckResult:
        """The result with the other lines of the failed assertion."""
        del detail
        return result

    def record(self, result: CheckResult) -> None:
        """Keeps a result and reports it."""
        self.results.append(result)
        self._tell(result)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Keeps the error of a file of tests that cannot be loaded."""
        report = yield
        if report.failed:
            text = str(report.longrepr)
            lines = [line for line in text.splitlines() if line.strip()]
            what = lines[-1].removeprefix("E").strip() if lines else "cannot read it"
            self.broken.append((_place(str(collector.path), text), what))
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turns the outcome of a test into a value; a fixture that fails afterwards counts too."""
        report = yield
        if isinstance(item, pytest.Function) and (call.when == "call" or call.excinfo is not None):
            self._end(item, call, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Keeps the error that ended the session, and stops pytest from printing it."""
        self._stop(excinfo.value)
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keeps the reason of ``pytest.exit()``."""
        self._stop(excinfo.value)

    def _stop(self, error: BaseException) -> None:
        self.why = f"{type(error).__name__}: {error}"
        if isinstance(error, Interrupted):
            self.interrupted = error

    def _end(
        self, item: pytest.Function, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        if call.excinfo is not None and isinstance(call.excinfo.value, Interrupted):
            self.interrupted = call.excinfo.value
            item.session.shouldstop = "interrupted"
            return
        outcome, message, detail = _judge(call.excinfo, report)
        self.recorded.add(item.nodeid)
        self.record(self.detailed(self.result_of(item, outcome, message), detail))


def _place(path: str, text: str) -> str:
    """A file, with the line that Python names last."""
    named = f'File "{re.escape(path)}", line |{re.escape(Path(path).name)}:'
    numbers = re.findall(rf"(?:{named})(\d+)", text)
    return f"{path}:{numbers[-1]}" if numbers else path


def _judge(
    excinfo: pytest.ExceptionInfo[BaseException] | None, report: pytest.TestReport
) -> tuple[Outcome, str, str]:
    """A failed assertion of a test is a failure; any other exception means not measured.

    testinfra also raises AssertionError where one of its own commands failed.
    """
    if hasattr(report, "wasxfail") and report.skipped:
        return Outcome.SKIPPED, f"expected to fail: {report.wasxfail}".rstrip(": "), ""
    if excinfo is None:
        if report.failed:  # it passed, and was marked to fail, strictly
            return Outcome.FAILED, str(report.longrepr), ""
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
