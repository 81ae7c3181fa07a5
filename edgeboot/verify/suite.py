"""Reads all hosts at once, then runs the checks as pytest, in process and silently."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, EdgebootError
from edgeboot.inventory.model import Role
from edgeboot.plan.diagnosis import diagnose
from edgeboot.transport.base import Transport
from edgeboot.verify.catalogue import CHECK_FILES
from edgeboot.verify.expectation import ClusterExpectation, Expectation
from edgeboot.verify.measure.summary import node_report
from edgeboot.verify.plugin import Plugin
from edgeboot.verify.results import CheckResult, Outcome, Verification
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.subject import ClusterSubject, Subject

_WORKERS = 64  # they only wait for hosts


class Fleet:
    """All nodes and the cluster under verification, and the order in which they are read."""

    def __init__(
        self,
        cluster: ClusterExpectation,
        expectations: Sequence[Expectation],
        transports: Mapping[str, Transport],
        aside: frozenset[str] = frozenset(),
    ) -> None:
        """Nodes ``aside`` are asked for the others' sake and not checked themselves."""
        self.cluster = ClusterSubject(cluster)
        self.all = {e.node: Subject(e, transports[e.node], self.cluster) for e in expectations}
        self.subjects = {name: s for name, s in self.all.items() if name not in aside}

    def read(self, scope: CheckSelection, window: int, say: Callable[[str], None]) -> None:
        """Takes all readings that the checks in scope need, from all hosts at once.

        Use is sampled first and alone: hashing files and starting pods are not what K3s costs.
        """
        if scope.samples:
            say(f"sampling {len(self.subjects)} hosts for {window} s")
            self.sample(window)
        say(f"inspecting {len(self.subjects)} hosts")
        self._on_all(Subject.inspect)
        for server in self._servers():
            if self.cluster.read(server):
                if scope.probes:
                    say("starting pods that ask each other")
                    self.cluster.probe(server, tuple(self.all))
                break

    def sample(self, window: int) -> None:
        """Samples what all nodes use, at the same time."""
        self._on_all(lambda subject: subject.sample(window))

    def _on_all(self, work: Callable[[Subject], None]) -> None:
        with ThreadPoolExecutor(max_workers=min(_WORKERS, len(self.subjects))) as pool:
            list(pool.map(work, self.subjects.values()))

    def _servers(self) -> Iterable[Subject]:
        return (s for s in self.all.values() if s.role is Role.SERVER)


def verify(
    fleet: Fleet,
    scope: CheckSelection,
    *,
    window: int,
    when: str,
    tell: Callable[[CheckResult], None],
    say: Callable[[str], None] = lambda _line: None,
) -> Verification:
    """Reads the fleet and runs every check in scope.

    ``window`` in seconds is how long use is sampled, ``when`` the time of the run for the report.
    """
    fleet.read(scope, window, say)
    results = run_checks(fleet, scope, tell)
    subjects = fleet.subjects.values()
    return Verification(
        cluster=fleet.cluster.expected.name,
        when=when,
        k3s=next(s.expected.version for s in subjects),
        results=tuple(_explained(result, fleet) for result in results),
        nodes=tuple(node_report(subject) for subject in subjects),
    )


def run_checks(
    fleet: Fleet, scope: CheckSelection, tell: Callable[[CheckResult], None]
) -> Sequence[CheckResult]:
    """Asserts what was read."""
    plugin = Plugin(fleet.subjects, fleet.cluster, scope, tell)
    with tempfile.TemporaryDirectory(prefix="edgeboot-verify-") as root:
        code = pytest.main(_arguments(root, scope), plugins=[plugin])
    if plugin.interrupted is not None:
        raise plugin.interrupted
    for path, what in plugin.broken:
        raise BadInput(what, where=path, hint="mend the test; it is read as pytest reads it")
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise BadInput(
            f"no check is left by -k {scope.keyword!r} and --only"
            if scope.keyword
            else "there is no check to run",
            hint="`edgeboot verify --list` shows the checks",
        )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise EdgebootError(f"the checks could not be run: pytest ended with {code!r}")
    return plugin.results


def _explained(result: CheckResult, fleet: Fleet) -> CheckResult:
    """A failed check of a service or node with its cause, and what the node's K3s said last."""
    subject = fleet.subjects.get(result.node)
    if result.outcome is not Outcome.FAILED or subject is None:
        return result
    if result.check not in {"service", "node ready"} or result.detail:
        return result
    try:
        journal = subject.inspection.status.journal
    except EdgebootError:
        return result
    if cause := diagnose(journal, result.node):
        message = f"{result.message}: {cause.what} [{cause.error_id}]"
        return replace(result, message=message, hint=cause.hint, detail=journal)
    return replace(result, detail=journal)


def _arguments(root: str, scope: CheckSelection) -> list[str]:
    # No configuration, plugin or cache of the directory edgeboot happens to be called in.
    keyword = ["-k", scope.keyword] if scope.keyword else []
    return [
        *(str(path) for category, path in CHECK_FILES.items() if category in scope.only),
        *(str(path.absolute()) for path in scope.tests),
        *keyword,
        "--capture=sys",
        f"--rootdir={root}",
        f"--config-file={os.devnull}",
        *(word for name in _UNWANTED for word in ("-p", f"no:{name}")),
    ]


_UNWANTED = ("cacheprovider", "terminal", "testinfra", "pytest11.testinfra", "timeout")


def own_tests(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Directories or files of tests, checked before a host is bothered."""
    for path in paths:
        if not path.exists():
            raise BadInput("no such file or directory", where=str(path), hint="see --tests")
    return tuple(paths)
