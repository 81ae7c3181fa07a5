"""Reads all hosts at once, then runs the checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType

from edgeboot.errors import BadInput, EdgebootError
from edgeboot.inventory.model import Role
from edgeboot.transport.base import Transport
from edgeboot.verify.catalogue import files_of
from edgeboot.verify.causes import REACHABLE
from edgeboot.verify.expectation import ClusterExpectation, Expectation
from edgeboot.verify.explain import explained
from edgeboot.verify.keyword import keyword_matcher
from edgeboot.verify.results import Category, CheckResult, Verification
from edgeboot.verify.schedule import not_run, schedule
from edgeboot.verify.selection import WITH_PODS, CheckSelection
from edgeboot.verify.session.checks import run_scheduled
from edgeboot.verify.session.own import collect_own, run_own
from edgeboot.verify.subject import ClusterSubject, Subject
from edgeboot.verify.summary import node_report

# What is done, and how many seconds it takes; 0 where nobody knows.
Stage = Callable[[str, int], AbstractContextManager[None]]
_WORKERS = 64  # they only wait for hosts


class Fleet:
    """All nodes and the cluster under verification, and the order in which they are read."""

    def __init__(
        self,
        cluster: ClusterExpectation,
        expectations: Sequence[Expectation],
        transports: Mapping[str, Transport],
        aside: frozenset[str] = frozenset(),
        lost: Mapping[str, EdgebootError] = MappingProxyType({}),
    ) -> None:
        """Nodes ``aside`` are read because others need them, but not checked.

        ``lost`` are hosts that could not be reached, and why.
        """
        self.lost = lost
        self.cluster = ClusterSubject(cluster)
        self.all = {e.node: Subject(e, transports[e.node], self.cluster) for e in expectations}
        self.subjects = {name: s for name, s in self.all.items() if name not in aside}

    def read(self, scope: CheckSelection, window: int, stage: Stage) -> None:
        """Takes all readings that the selected checks need, from all hosts at once.

        Usage is sampled first and alone: hashing files and starting pods would distort it.
        """
        many = f"{len(self.subjects)} {'host' if len(self.subjects) == 1 else 'hosts'}"
        names = self._needed(scope)
        if scope.samples and (scope.tests or "budget" in names):
            with stage(f"sampling {many}", window):
                self.sample(window)
        with stage(f"inspecting {many}", 0):
            self._on_all(Subject.inspect)
        for server in self._servers():
            if self.cluster.read(server):
                if scope.probes and names & WITH_PODS:
                    with stage("running probe pods", 0):
                        self.cluster.probe(server, tuple(self.all))
                break

    def _needed(self, scope: CheckSelection) -> set[str]:
        """The checks that are to run, as far as is known before the API is asked."""
        nodes = {name: subject.expected for name, subject in self.subjects.items()}
        return {one.check.name for one in schedule(scope, self.cluster.expected, nodes, ())}

    def sample(self, window: int) -> None:
        """Samples the usage of all nodes at the same time."""
        self._on_all(lambda subject: subject.sample(window))

    def _on_all(self, work: Callable[[Subject], None]) -> None:
        with ThreadPoolExecutor(max_workers=max(1, min(_WORKERS, len(self.subjects)))) as pool:
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
    stage: Stage = lambda _what, _seconds: nullcontext(),
) -> Verification:
    """Reads the fleet and runs every selected check.

    ``window`` is how many seconds usage is sampled, ``when`` the time of the run for the report.
    ``stage`` is entered for each part of the work.
    """
    fleet.read(scope, window, stage)
    results = explained(run_checks(fleet, scope, tell), fleet.all, fleet.cluster, fleet.lost)
    for lost in (r for r in results if r.check == REACHABLE):
        tell(lost)
    subjects = fleet.subjects.values()
    return Verification(
        cluster=fleet.cluster.expected.name,
        when=when,
        k3s=next(s.expected.version for s in fleet.all.values()),
        results=results,
        nodes=tuple(node_report(subject) for subject in subjects),
        not_run=not_run(
            scope, fleet.cluster.expected, {n: s.expected for n, s in fleet.subjects.items()}
        ),
    )


def run_checks(
    fleet: Fleet, selection: CheckSelection, tell: Callable[[CheckResult], None]
) -> Sequence[CheckResult]:
    """Asserts what was read: the built-in checks, then the user's own tests.

    Raises:
        BadInput: nothing is left to run.

    """
    nodes = {name: subject.expected for name, subject in fleet.subjects.items()}
    scheduled = schedule(selection, fleet.cluster.expected, nodes, fleet.cluster.workload_titles)
    results = run_scheduled(scheduled, fleet.subjects, fleet.cluster, tell)
    matches = keyword_matcher(selection.keyword)
    for path in selection.tests:
        results += run_own(path, fleet.subjects, fleet.cluster, matches, tell)
    if not results and not fleet.lost:
        raise _nothing(selection)
    return results


def _nothing(selection: CheckSelection) -> BadInput:
    keyword = selection.keyword
    what = f"no checks match -k {keyword!r}" if keyword else "no checks are selected"
    return BadInput(what, hint="list them: edgeboot verify --list")


def check_selection(selection: CheckSelection) -> None:
    """Refuses a selection that cannot be run, before a host is contacted.

    Raises:
        BadInput: a path does not exist, or holds no tests, or ``-k`` cannot be read.

    """
    keyword_matcher(selection.keyword)
    if selection.only == {Category.OWN} and not selection.tests:
        raise BadInput("--only own needs tests", hint="add --tests DIR")
    for path in selection.tests:
        if not path.exists():
            raise BadInput("no such file or directory", where=str(path), hint="see --tests")
        if not files_of(path):
            raise BadInput("no tests found", where=str(path), hint="name files test_*.py")


def collect_tests(selection: CheckSelection, nodes: Collection[str]) -> None:
    """Loads the user's own tests, before a host is contacted: a mistake in them is told at once.

    Raises:
        BadInput: pytest cannot load them, or no test matches ``-k`` and nothing else is to run.

    """
    matches = keyword_matcher(selection.keyword)
    number = sum(collect_own(path, nodes, matches) for path in selection.tests)
    if not number and selection.only == {Category.OWN}:
        raise _nothing(selection)
