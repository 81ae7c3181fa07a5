"""Whether K3s has installed a chart as its manifest says.

K3s records in the manifest's Addon which content it has applied; its helm controller then replaces
the chart's job. A job that is older than the manifest counts only after a while: then the chart had
not changed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from datetime import datetime

from edgeboot.answer import is_number
from edgeboot.errors import StepFailed
from edgeboot.json_document import Node
from edgeboot.kube.api import ADDONS, JOBS, ApiError, KubeApi, find, pause_of, pod_log
from edgeboot.kube.api import understanding as _understanding
from edgeboot.kube.reading import count, text
from edgeboot.plan.cluster import WaitForChart
from edgeboot.transport.base import Argv, Transport

NAMESPACE = "kube-system"
_GRACE = 60.0  # seconds
_LOG_LINES = 15
_DEADLINE = 30.0


def addon_of(manifest: str) -> str:
    """The name of the Addon of a manifest: the file's name before its first dot."""
    return posixpath.basename(manifest).partition(".")[0]


def wait_for_chart(
    api: KubeApi,
    transport: Transport,
    step: WaitForChart,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Waits; ``StepFailed`` with the end of its job's log if it takes too long."""
    chart = _Chart(api, step, _written(transport, step.manifest), clock)
    until = clock() + step.seconds
    while not chart.installed():
        if clock() >= until:
            said = _log(api, chart.job)
            raise StepFailed(f"not installed after {step.seconds} s: {chart.state}{said}")
        sleep(pause_of(api))


def _written(transport: Transport, manifest: str) -> float:
    """When the manifest was written, by the host's clock, in seconds since 1970."""
    done = transport.run(Argv(("stat", "-c", "%Y", manifest)), deadline=_DEADLINE)
    if not done.ok or not is_number(done.stdout.strip()):
        raise StepFailed(f"manifest {manifest} not found", where=transport.node)
    return float(done.stdout.strip())


def _log(api: KubeApi, job: str) -> str:
    try:
        said = pod_log(api, job, NAMESPACE, _LOG_LINES)
    except ApiError as error:
        return f"\n  cannot read the log of its job: {error.what}"
    lines = "\n".join(f"    {line}" for line in said.splitlines())
    return f"\n  last lines of its job:\n{lines}" if lines else ""


class _Chart:
    """What is known of a chart so far; ``state`` says what is still missing."""

    def __init__(
        self, api: KubeApi, step: WaitForChart, written: float, clock: Callable[[], float]
    ) -> None:
        self.job = f"helm-install-{step.name}"
        self.state = "K3s has not read its manifest yet"
        self._api = api
        self._step = step
        self._written = written
        self._clock = clock
        self._applied: float | None = None

    def installed(self) -> bool:
        try:
            with _understanding(self._api.where):
                return self._look()
        except ApiError as error:
            self.state = error.what  # it may be restarting: time decides
            return False

    def _look(self) -> bool:
        addon = find(self._api, ADDONS.path(addon_of(self._step.manifest), namespace=NAMESPACE))
        if text(addon, "spec", "checksum") != self._step.sha256:
            return False
        if self._applied is None:
            self._applied = self._clock()
        job = find(self._api, JOBS.path(self.job, namespace=NAMESPACE))
        if job is None:
            self.state = "it has no job yet"
            return False
        if _made(job) < self._written and self._clock() - self._applied < _GRACE:
            self.state = "K3s has not replaced its job yet"
            return False
        status = job.get("status")
        self.state = f"its job {self.job} is running; it failed {count(status, 'failed')} times"
        return count(status, "succeeded") > 0


def _made(job: Node) -> float:
    made = text(job, "metadata", "creationTimestamp")
    try:
        return datetime.fromisoformat(made.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
