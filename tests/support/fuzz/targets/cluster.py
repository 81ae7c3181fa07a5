"""What a server says of its cluster: the API's answers, its kubeconfig, and its manifests."""

from __future__ import annotations

import json

from edgeboot.errors import StepFailed
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.kube.api import HELM_CHARTS, JOBS, NODES, Snapshot, items_of, parsed, understanding
from edgeboot.kube.reading import charts_of, named, nodes_of
from edgeboot.kube.withdraw import _objects
from edgeboot.lifecycle.kubeconfig.fetch import rewritten
from edgeboot.lifecycle.kubeconfig.merging import merged
from edgeboot.plan.health import Status, why_charts_pending, why_no_images, why_not_ready
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv, Command, Result
from edgeboot.verify.probes.ends import addresses, pod_end, warnings
from tests.support.fuzz.running import Target
from tests.support.kubeconfigs import K3S, OTHERS, OURS
from tests.support.verify_hosts import chart, dumped, ended, node_object

_CLUSTER = Cluster("edge", (Node("pi", "192.0.2.11", Role.SERVER),))
_MANIFEST = b"""\
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: hello, namespace: kube-system}
spec: {chart: hello}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
"""


def _nodes(data: bytes) -> None:
    seen = Snapshot(True, {NODES: items_of(parsed(data, "pi", "the listing"), "pi")})
    nodes = nodes_of(seen, "pi") or {}
    why_not_ready(Status("active", 0, nodes=nodes), "pi")
    for node in nodes.values():
        why_no_images(node, {"docker.io/library/busybox:1": "sha256:" + "0" * 64})


def _charts(data: bytes) -> None:
    items = items_of(parsed(data, "pi", "the listing"), "pi")
    charts = charts_of(Snapshot(True, {HELM_CHARTS: items, JOBS: items}), "pi")
    why_charts_pending(Status("active", 0, charts=charts))


def _pods(data: bytes) -> None:
    items = items_of(parsed(data, "pi", "the listing"), "pi")
    with understanding("pi"):
        told = warnings(items)
        ends = [pod_end(item, told) for item in items]
        found = addresses(items), [named(item) for item in items], ends
    repr(found)


def _kubeconfig(data: bytes) -> None:
    written = rewritten(Secret(data), _CLUSTER)
    merged(OTHERS, written, where="config", use=True, force=False)


def _merge(data: bytes) -> None:
    merged(data, OURS, where="config", use=False, force=False)


class _Host:
    """A host that answers with the input, whatever it is asked."""

    node = "pi"

    def __init__(self, data: bytes) -> None:
        self._said = data.decode("utf-8", "replace")

    def run(self, command: Command, **_given: object) -> Result:
        assert isinstance(command, Argv)
        return Result(0, self._said, "")


def _manifest(data: bytes) -> None:
    _objects(_Host(data), "/m.yaml")  # type: ignore[arg-type]


_POD = {
    "metadata": {"name": "first-pi", "namespace": "x", "labels": {"a": "b"}},
    "spec": {"nodeName": "pi"},
    "status": {**ended("dns ok", "peer pi ok first-pi"), "podIP": "10.42.0.2"},
}
TARGETS = (
    Target("api-nodes", _nodes, (dumped([node_object("pi"), node_object("b", voter=True)]),)),
    Target("api-charts", _charts, (dumped(chart("hello")), dumped(chart("hello", succeeded=0)))),
    Target("api-pods", _pods, (json.dumps({"items": [_POD]}).encode(),)),
    Target("server-kubeconfig", _kubeconfig, (K3S.value,)),
    Target("own-kubeconfig", _merge, (OTHERS, OURS)),
    Target("server-manifest", _manifest, (_MANIFEST,), (StepFailed,)),
)
