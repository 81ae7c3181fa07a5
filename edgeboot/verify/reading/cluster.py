"""What a server's API says of the cluster, as values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.plan.health import NodeState, Status, parse_status
from edgeboot.verify.reading.sections import Document, Sections


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

    sections: Sections
    status: Status
    said_by: str  # the server that was asked

    @property
    def nodes(self) -> dict[str, NodeState]:
        """All nodes by name."""
        if self.status.nodes is None:
            self.sections.text("nodes")
            raise NotMeasured("the API does not list nodes")
        return dict(self.status.nodes)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """All Deployments, DaemonSets and StatefulSets."""
        return tuple(map(_workload, self.sections.items("workloads")))

    @property
    def default_class(self) -> str | None:
        """The default storage class."""
        for item in self.sections.items("classes"):
            notes = item["metadata"].get("annotations", {})
            if notes.get("storageclass.kubernetes.io/is-default-class") == "true":
                return str(item["metadata"]["name"])
        return None

    def ready_since(self, node: str) -> float:
        """When a node last became Ready, in seconds since 1970."""
        condition = self._condition(node, "Ready")
        if condition is None or condition.get("status") != "True":
            raise NotMeasured("the node is not Ready")
        since = str(condition.get("lastTransitionTime", ""))
        try:
            return datetime.datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp()
        except ValueError as error:
            raise NotMeasured("the API does not say since when the node is Ready") from error

    def is_voter(self, node: str) -> bool | None:
        """Whether a server votes in etcd; None where K3s says nothing of it."""
        condition = self._condition(node, "EtcdIsVoter")
        return None if condition is None else condition.get("status") == "True"

    def _condition(self, node: str, kind: str) -> Document | None:
        for item in self.sections.items("nodes"):
            if item["metadata"]["name"] == node:
                conditions = item.get("status", {}).get("conditions", ())
                return next((c for c in conditions if c.get("type") == kind), None)
        raise NotMeasured("the API does not list this node")


def _workload(item: Document) -> Workload:
    status = item.get("status", {})
    if item["kind"] == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    else:
        wanted = item.get("spec", {}).get("replicas", 1)
        ready = status.get("readyReplicas", 0)
    metadata = item["metadata"]
    return Workload(item["kind"], metadata.get("namespace", ""), metadata["name"], wanted, ready)


def parse_cluster(output: str, said_by: str) -> Cluster:
    """The values in the output of ``cluster.sh``."""
    sections = Sections(output)
    if "end" not in sections:
        raise NotMeasured("the API's answers are not whole")
    return Cluster(sections, parse_status(output), said_by)
