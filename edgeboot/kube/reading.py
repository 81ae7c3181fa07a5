"""What a server's API says of the cluster, as values: read by an allow-list, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from edgeboot.json_document import Node
from edgeboot.kube.api import (
    HELM_CHARTS,
    JOBS,
    NODES,
    VOLUMES,
    ApiError,
    KubeApi,
    Snapshot,
    list_of,
    pod_log,
    understanding,
)
from edgeboot.kube.connect import api_of
from edgeboot.plan.health import ChartState, NodeState, Status, is_alive
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport

_MOST_COUNTED = 1 << 31
_LOG_LINES = 8
_ADDRESSES = frozenset({"InternalIP", "ExternalIP"})


def with_api(status: Status, transport: Transport) -> Status:
    """The status of a server with what its API says; unchanged if K3s does not run there.

    ``Unreachable`` if the host is lost meanwhile.
    """
    if status.kubeconfig is None or not is_alive(status.active):
        return status
    try:
        with api_of(transport, status.kubeconfig) as api:
            # Without a channel to try, the state of the service decides when to ask.
            if api.costly and status.active != "active":
                return status
            return _asked(status, api)
    except ApiError as error:
        return replace(status, complaints=(*status.complaints, f"API: {error.what}"))


def _asked(status: Status, api: KubeApi) -> Status:
    seen = api.snapshot((NODES, HELM_CHARTS, JOBS))
    nodes, charts, complaints = None, None, [*status.complaints, *seen.complaints]
    try:
        nodes = nodes_of(seen, api.where)
        charts = charts_of(seen, api.where)
    except ApiError as error:
        complaints.append(error.what)
    return replace(
        status,
        api_ready=seen.ready,
        nodes=nodes,
        charts=charts,
        chart_log=_chart_log(api, charts or ()),
        complaints=tuple(complaints),
    )


def _chart_log(api: KubeApi, charts: Iterable[ChartState]) -> str:
    """The last lines of the first chart's job that has not succeeded; its pod is restarted."""
    pending = next((chart for chart in charts if not chart.done and chart.job), None)
    if pending is None or api.costly:
        return ""
    try:
        return pod_log(api, pending.job, pending.namespace, _LOG_LINES)
    except ApiError:
        return ""


def persistent_volumes(transport: Transport) -> tuple[str, ...]:
    """Persistent volumes of a server's cluster, in words; none if its API does not answer."""
    try:
        with api_of(transport) as api:
            items = list_of(api, VOLUMES.path())
            with understanding(api.where):
                return tuple(map(_volume, items))
    except ApiError:
        return ()


def _volume(item: Node) -> str:
    claim, name = text(item, "spec", "claimRef", "name"), text(item, "metadata", "name")
    namespace = text(item, "spec", "claimRef", "namespace")
    size = text(item, "spec", "capacity", "storage") or "size unknown"
    return f"persistent volume {name}{f' of {namespace}/{claim}' if claim else ''}, {size}"


def registered_nodes(transport: Transport, kubeconfig: Secret) -> dict[str, NodeState]:
    """The Node objects of a server's cluster by name; ``ApiError`` if its API does not say."""
    with api_of(transport, kubeconfig) as api:
        seen = api.snapshot((NODES,))
        nodes = nodes_of(seen, api.where)
        if nodes is None:
            what = "; ".join(seen.complaints) or "the API does not list nodes"
            raise ApiError(what, where=api.where)
        return nodes


def nodes_of(seen: Snapshot, where: str) -> dict[str, NodeState] | None:
    """The nodes by name; None if they could not be listed."""
    if NODES not in seen.items:
        return None
    with understanding(where):
        found = map(_node, seen.items[NODES])
        return {node.name: node for node in found}


def _node(item: Node) -> NodeState:
    metadata, status = item.member("metadata"), item.get("status")
    conditions = {text(c, "type"): c for c in elements(status, "conditions")}
    ready, voter = conditions.get("Ready"), conditions.get("EtcdIsVoter")
    labels, info = metadata.get("labels"), status.get("nodeInfo") if status else None
    return NodeState(
        name=metadata.member("name").text(),
        ready=text(ready, "status") == "True",
        message=text(ready, "message") or text(ready, "reason") or "no Ready condition yet",
        version=text(info, "kubeletVersion"),
        labels=labels.pairs() if labels else {},
        voter=_voter(voter),
        voter_message=text(voter, "message"),
        ready_since=text(ready, "lastTransitionTime") if text(ready, "status") == "True" else "",
        images=tuple(
            frozenset(name.text() for name in elements(image, "names"))
            for image in elements(status, "images")
        ),
        machine_id=text(info, "machineID"),
        addresses=tuple(
            text(address, "address")
            for address in elements(status, "addresses")
            if text(address, "type") in _ADDRESSES
        ),
    )


def _voter(condition: Node | None) -> bool | None:
    """K3s, pkg/etcd: False for a learner, a member that does not answer, and one that is none."""
    if condition is None or text(condition, "reason") == "NotAMember":
        return None
    return text(condition, "status") == "True"


def charts_of(seen: Snapshot, where: str) -> tuple[ChartState, ...] | None:
    """The HelmCharts and the state of their jobs; None if they could not be listed."""
    if HELM_CHARTS not in seen.items or JOBS not in seen.items:
        return None
    with understanding(where):
        jobs = {named(job): job.get("status") for job in seen.items[JOBS]}
        return tuple(_chart(chart, jobs) for chart in seen.items[HELM_CHARTS])


def _chart(item: Node, jobs: Mapping[tuple[str, str], Node | None]) -> ChartState:
    namespace, name = named(item)
    job = text(item.get("status"), "jobName") or f"helm-install-{name}"
    if (namespace, job) not in jobs:
        return ChartState(namespace, name, False, f"job {job} does not exist yet")
    status = jobs[namespace, job]
    failed = count(status, "failed")
    message = f"job {job} failed {failed} times" if failed else f"job {job} is running"
    return ChartState(namespace, name, count(status, "succeeded") > 0, message, job)


def named(item: Node) -> tuple[str, str]:
    """Namespace and name of an object."""
    metadata = item.member("metadata")
    return text(metadata, "namespace"), metadata.member("name").text()


def count(item: Node | None, key: str) -> int:
    """A number in an object, 0 if it has none."""
    found = item.get(key) if item else None
    return found.size(_MOST_COUNTED) if found else 0


def text(item: Node | None, *path: str, limit: int = 1 << 15) -> str:
    """A text deep in an object, empty if there is none."""
    for key in path:
        item = item.get(key) if item else None
    return item.text(limit) if item else ""


def elements(item: Node | None, *path: str) -> Sequence[Node]:
    """A list deep in an object, empty if there is none."""
    for key in path:
        item = item.get(key) if item else None
    return item.items() if item else ()
