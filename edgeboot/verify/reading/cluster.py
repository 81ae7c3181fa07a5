"""What a server's API says of the cluster, as values."""

from __future__ import annotations

import datetime
import statistics
import time
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.json_document import Node
from edgeboot.kube.api import (
    DAEMON_SETS,
    DEPLOYMENTS,
    HELM_CHARTS,
    JOBS,
    NODES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    ApiError,
    Kind,
    KubeApi,
    Snapshot,
    understanding,
)
from edgeboot.kube.connect import api_of
from edgeboot.kube.reading import charts_of, count, named, nodes_of, text
from edgeboot.plan.health import ChartState, NodeState
from edgeboot.transport.base import Transport

_WORKLOADS = {DEPLOYMENTS: "Deployment", DAEMON_SETS: "DaemonSet", STATEFUL_SETS: "StatefulSet"}
_KINDS = (NODES, HELM_CHARTS, JOBS, *_WORKLOADS, STORAGE_CLASSES)
_TIMED = 3


@dataclass(frozen=True)
class Workload:
    """A Deployment, DaemonSet or StatefulSet: how many pods it wants, and how many are ready."""

    kind: str
    namespace: str
    name: str
    wanted: int
    ready: int

    @property
    def title(self) -> str:
        """``namespace/kind/name``."""
        return f"{self.namespace}/{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Cluster:
    """The API's answers; each is NotMeasured where the API did not give it."""

    snapshot: Snapshot
    said_by: str  # the server that was asked

    @property
    def ready(self) -> bool:
        """Whether the API is ready; ``complaint`` says why not."""
        return self.snapshot.ready

    @property
    def complaint(self) -> str:
        """What the API complained of."""
        return "; ".join(self.snapshot.complaints)

    @property
    def nodes(self) -> dict[str, NodeState]:
        """All nodes by name."""
        self._need(NODES)
        try:
            return nodes_of(self.snapshot, self.said_by) or {}
        except ApiError as error:
            raise NotMeasured(error.what) from error

    @property
    def charts(self) -> tuple[ChartState, ...]:
        """All HelmCharts."""
        self._need(HELM_CHARTS, JOBS)
        try:
            return charts_of(self.snapshot, self.said_by) or ()
        except ApiError as error:
            raise NotMeasured(error.what) from error

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """All Deployments, DaemonSets and StatefulSets."""
        items = [(name, item) for kind, name in _WORKLOADS.items() for item in self._need(kind)]
        try:
            with understanding(self.said_by):
                return tuple(_workload(name, item) for name, item in items)
        except ApiError as error:
            raise NotMeasured(error.what) from error

    @property
    def default_class(self) -> str | None:
        """The default storage class."""
        key = "storageclass.kubernetes.io/is-default-class"
        items = self._need(STORAGE_CLASSES)
        try:
            with understanding(self.said_by):
                return next(
                    (
                        named(i)[1]
                        for i in items
                        if text(i, "metadata", "annotations", key) == "true"
                    ),
                    None,
                )
        except ApiError as error:
            raise NotMeasured(error.what) from error

    def ready_since(self, node: str) -> float:
        """When a node last became Ready, in seconds since 1970."""
        state = self._node(node)
        if not state.ready:
            raise NotMeasured("the node is not Ready")
        try:
            since = state.ready_since.replace("Z", "+00:00")
            return datetime.datetime.fromisoformat(since).timestamp()
        except ValueError as error:
            raise NotMeasured("the API does not say when the node became Ready") from error

    def is_voter(self, node: str) -> bool | None:
        """Whether a server votes in etcd; None where K3s says nothing of it."""
        return self._node(node).voter

    def _node(self, name: str) -> NodeState:
        nodes = self.nodes
        if name not in nodes:
            raise NotMeasured("the API does not list this node")
        return nodes[name]

    def _need(self, *kinds: Kind) -> tuple[Node, ...]:
        for kind in kinds:
            if kind not in self.snapshot.items:
                said = (c for c in self.snapshot.complaints if c.startswith(f"{kind.plural}: "))
                raise NotMeasured(next(said, f"the API does not list {kind.plural}"))
        return self.snapshot.items[kinds[0]]


def _workload(kind: str, item: Node) -> Workload:
    status, spec = item.get("status"), item.get("spec")
    namespace, name = named(item)
    if kind == "DaemonSet":
        wanted, ready = count(status, "desiredNumberScheduled"), count(status, "numberReady")
    else:
        wanted = count(spec, "replicas") if spec and spec.get("replicas") else 1
        ready = count(status, "readyReplicas")
    return Workload(kind, namespace, name, wanted, ready)


def read_cluster(transport: Transport) -> Cluster:
    """What a server's API says; one that does not answer is not ready."""
    try:
        with api_of(transport) as api:
            return Cluster(api.snapshot(_KINDS), transport.node)
    except ApiError as error:
        return Cluster(Snapshot(ready=False, complaints=(error.what,)), transport.node)


def read_latency(transport: Transport) -> int:
    """Median milliseconds of a request to ``/readyz`` over an open connection.

    Includes the network's round trip. If the host forwards nothing, it is kubectl's own time, once.
    """
    try:
        with api_of(transport) as api:
            if not api.costly:
                api.get("/readyz")
            times = 1 if api.costly else _TIMED
            return round(statistics.median(_timed(api) for _ in range(times)))
    except ApiError as error:
        raise NotMeasured(error.what) from error


def _timed(api: KubeApi) -> float:
    began = time.perf_counter()
    api.get("/readyz")
    return (time.perf_counter() - began) * 1000
