"""Results with causes and advice: what the readings say beyond the checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from edgeboot.errors import EdgebootError
from edgeboot.inventory.model import Role
from edgeboot.plan.diagnosis import cause_of
from edgeboot.plan.health import Status, why_not_running
from edgeboot.verify.advice import advised
from edgeboot.verify.causes import REACHABLE, Circumstances, traced
from edgeboot.verify.results import Category, CheckResult, Outcome
from edgeboot.verify.subject import ClusterSubject, Subject

_LINES = 3  # of a journal that names no known cause


def explained(
    results: Sequence[CheckResult],
    subjects: Mapping[str, Subject],
    cluster: ClusterSubject,
    lost: Mapping[str, EdgebootError],
) -> tuple[CheckResult, ...]:
    """All results, those of lost hosts first; each failure says what to do.

    ``subjects`` are all nodes that were read, ``lost`` the hosts that were never reached.
    """
    broken = {name: error for name, s in subjects.items() if (error := s.lost)}
    gone = [_unreachable(name, error) for name, error in {**lost, **broken}.items()]
    every = traced([*gone, *results], _circumstances(subjects, cluster))
    server = next((n for n, s in subjects.items() if s.role is Role.SERVER), "")
    return tuple(_explained(result, subjects.get(result.node), server) for result in every)


def _unreachable(node: str, error: EdgebootError) -> CheckResult:
    why, hint = error.what, error.hint or ""
    unmeasured = Outcome.NOT_MEASURED
    return CheckResult(node, REACHABLE, "", unmeasured, why, Category.HEALTH, hint=hint)


def _circumstances(subjects: Mapping[str, Subject], cluster: ClusterSubject) -> Circumstances:
    return Circumstances(
        servers=frozenset(n for n, s in subjects.items() if s.role is Role.SERVER),
        down=frozenset(n for n, s in subjects.items() if _is_down(s)),
        gaps=dict(_gaps(cluster)),
    )


def _is_down(subject: Subject) -> bool:
    try:
        return why_not_running(subject.inspection.status) is not None
    except EdgebootError:
        return False


def _gaps(cluster: ClusterSubject) -> Iterator[tuple[str, int]]:
    try:
        workloads = cluster.reading.workloads
    except EdgebootError:
        return
    for one in workloads:
        if one.kind == "DaemonSet":
            yield one.title, one.wanted - one.ready


def _explained(result: CheckResult, subject: Subject | None, server: str) -> CheckResult:
    """With its cause in the logs, and what to do; a consequence has neither of its own."""
    if result.because:
        return result
    if subject is not None and result.check in {"service", "node_ready"}:
        result = _diagnosed(result, subject)
    service = subject.expected.service if subject else "k3s"
    return advised(result, server=server, service=service)


def _diagnosed(result: CheckResult, subject: Subject) -> CheckResult:
    if result.outcome is not Outcome.FAILED or result.detail:
        return result
    try:
        status = subject.inspection.status
    except EdgebootError:
        return result
    if cause := cause_of(status, result.node):
        message = f"{result.message}: {cause.what} [{cause.error_id}]"
        return replace(result, message=message, hint=cause.hint, detail=cause.line)
    return replace(result, detail=_last_words(status))


def _last_words(status: Status) -> str:
    """A few lines of a service that runs badly; why one was stopped, its journal does not say."""
    if status.active == "inactive":
        return ""
    return "\n".join((status.containerd or status.journal).splitlines()[-_LINES:])
