"""What is verified: each node with all its readings, and the cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from edgeboot.errors import EdgebootError, Interrupted, NotMeasured, Unreachable
from edgeboot.inventory.model import Role
from edgeboot.transport.base import Snippet, Transport
from edgeboot.verify.expectation import ClusterExpectation, Expectation
from edgeboot.verify.measure.budgets import Verdict, verdict
from edgeboot.verify.measure.figures import DISK_PATHS, usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.measure.usage import Reading, Unmeasured, Usage
from edgeboot.verify.probes.ends import Probes
from edgeboot.verify.probes.run import run_probes
from edgeboot.verify.reading.cluster import Cluster, read_cluster, read_latency
from edgeboot.verify.reading.inspection import Inspection, parse_inspection

T = TypeVar("T")
_UNREAD = "(not read)"
READING_DEADLINE = 300.0  # hashing an image archive on an SD card takes minutes


class Cached(Generic[T]):
    """A reading, or the error that prevented it, kept for all checks."""

    def __init__(self, why: str) -> None:
        self._found: T | EdgebootError = NotMeasured(why)

    def read(self, take: Callable[[], T]) -> None:
        """Takes the reading; keeps an expected error, but not an interruption."""
        try:
            self._found = take()
        except Interrupted:
            raise
        except EdgebootError as error:
            self._found = error

    def fail(self, error: EdgebootError) -> None:
        """Records why there can be no reading, without trying."""
        self._found = error

    @property
    def error(self) -> EdgebootError | None:
        """What prevented the reading."""
        return self._found if isinstance(self._found, EdgebootError) else None

    @property
    def told(self) -> T:
        """The reading; raises the error that prevented it."""
        if isinstance(self._found, EdgebootError):
            raise self._found
        return self._found


class ClusterSubject:
    """The cluster under verification."""

    def __init__(self, expected: ClusterExpectation) -> None:
        self.expected = expected
        self._reading: Cached[Cluster] = Cached("no server answered")
        self._probes: Cached[Probes] = Cached("no probe pods were started")

    @property
    def reading(self) -> Cluster:
        """What the API says."""
        return self._reading.told

    @property
    def probes(self) -> Probes:
        """How the probe pods ended."""
        return self._probes.told

    @property
    def workload_titles(self) -> tuple[str, ...]:
        """What there is to check; one placeholder where nobody knows."""
        try:
            return tuple(workload.title for workload in self.reading.workloads)
        except EdgebootError:
            return (_UNREAD,)

    def read(self, server: Subject) -> bool:
        """Asks a server's API; False where it could not be had."""
        self._reading.read(lambda: server.ask_cluster())
        try:
            return self.reading.ready
        except EdgebootError:
            return False

    def probe(self, server: Subject, nodes: tuple[str, ...]) -> None:
        """Starts probe pods on the Ready nodes among ``nodes`` and waits for their answers."""
        self._probes.read(lambda: self._probe(server, nodes))

    def _probe(self, server: Subject, nodes: tuple[str, ...]) -> Probes:
        if self.expected.probe_image is None:
            raise NotMeasured("the bundle has no busybox image to start pods from")
        states = self.reading.nodes
        ready = [name for name in nodes if name in states and states[name].ready]
        if not ready:
            raise NotMeasured("no node is Ready")
        return server.probe(self.expected, ready)


class Subject:
    """One node under verification: its readings, taken once and shared by all checks."""

    def __init__(
        self, expected: Expectation, transport: Transport, cluster: ClusterSubject
    ) -> None:
        self.expected = expected
        self.cluster = cluster
        self.transport = transport
        self._usage: Cached[Usage] = Cached("usage was not sampled")
        self._inspection: Cached[Inspection] = Cached("the host was not inspected")
        self._latency: Cached[int] = Cached("the API was not timed")

    @property
    def name(self) -> str:
        """The node's name."""
        return self.expected.node

    @property
    def role(self) -> Role:
        """Server or agent."""
        return self.expected.role

    @property
    def inspection(self) -> Inspection:
        """The host's state."""
        return self._inspection.told

    @property
    def lost(self) -> EdgebootError | None:
        """Why the host no longer answers; None where it does."""
        errors = (self._inspection.error, self._usage.error)
        return next((e for e in errors if isinstance(e, Unreachable)), None)

    @property
    def usage(self) -> Usage:
        """What the node used over the window, with the figures that need the API."""
        usage = self._usage.told
        latency = self._figure(lambda: self._latency.told)
        if self.role is Role.SERVER:
            usage = usage.with_figure("api-latency", latency)
        if self.role is Role.AGENT or isinstance(usage.figures.get("startup"), Unmeasured):
            usage = usage.with_figure("startup", self._figure(lambda: self._startup(usage)))
        return usage

    def verdict(self, figure: str) -> Verdict:
        """One figure against the node's budget."""
        return verdict(self.usage, figure, self.expected.limits.get(figure))

    def sample(self, seconds: int) -> None:
        """Samples what the node uses."""
        self._usage.read(lambda: self._sample(seconds))

    def inspect(self) -> None:
        """Reads the host's state; one that was lost while sampling is not waited for again."""
        if lost := self.lost:
            self._inspection.fail(lost)
            return
        self._inspection.read(self._inspect)
        if self.role is Role.SERVER:
            self._latency.read(lambda: read_latency(self.transport))

    def ask_cluster(self) -> Cluster:
        """What this server's API says."""
        return read_cluster(self.transport)

    def probe(self, expected: ClusterExpectation, nodes: list[str]) -> Probes:
        """Starts pods on nodes and waits for what they say."""
        return run_probes(self.transport, expected, nodes)

    def _sample(self, seconds: int) -> Usage:
        words = (self.expected.service, str(seconds), *DISK_PATHS)
        result = self.transport.run(
            Snippet("sample", words), deadline=READING_DEADLINE + seconds * 2
        )
        if not result.ok:
            why = result.stderr.strip() or f"sampling ended with exit code {result.exit_code}"
            raise NotMeasured(why, where=self.name)
        return usage_of(parse_sampling(result.stdout))

    def _inspect(self) -> Inspection:
        paths = tuple(f.path for f in self.expected.files)
        words = (self.expected.service, *paths)
        result = self.transport.run(Snippet("inspect", words), deadline=READING_DEADLINE)
        return parse_inspection(result.stdout)

    def _startup(self, usage: Usage) -> int:
        """Milliseconds from the start of K3s until the node was Ready.

        For agents, and where the service manager does not know: K3s notifies systemd up to five
        minutes after an agent is ready (see ``plan.health``). Kubernetes truncates its times to
        whole seconds, so this may be up to one second too long.
        """
        if usage.started_at is None:
            raise NotMeasured("the start time of K3s is unknown")
        took = self.cluster.reading.ready_since(self.name) + 1 - usage.started_at
        if took < 0:
            raise NotMeasured("the node stayed Ready while K3s restarted")
        return int(took * 1000)

    @staticmethod
    def _figure(take: Callable[[], int]) -> Reading | Unmeasured:
        try:
            return Reading(take())
        except EdgebootError as error:
            return Unmeasured(error.what)
