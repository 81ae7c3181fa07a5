"""How K3s does on a host: what ``status.sh`` says, and what is wrong with a node and why.

Shared by the gates of ``install`` and by ``verify``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeboot.plan.sections import sections_of
from edgeboot.secret import Secret


@dataclass(frozen=True)
class NodeState:
    """A Node object of the cluster."""

    name: str
    ready: bool
    message: str
    version: str
    labels: Mapping[str, str]
    voter: bool | None = None  # of embedded etcd; None where the node is no member of it
    voter_message: str = ""  # why it has no vote that counts: it learns, or is unhealthy


@dataclass(frozen=True)
class ChartState:
    """A HelmChart and the job that installs it."""

    namespace: str
    name: str
    done: bool
    message: str


@dataclass(frozen=True)
class Status:
    """What a host says of its K3s; what it could not say is None, and ``complaints`` say why."""

    active: str
    restarts: int  # by its service manager, since it was last started on purpose
    images: Mapping[str, str] | None  # reference -> digest ("sha256:…")
    api_ready: bool = False
    nodes: Mapping[str, NodeState] | None = None
    charts: tuple[ChartState, ...] | None = None
    node_token: Secret | None = None
    kubeconfig: Secret | None = None
    journal: str = ""
    chart_log: str = ""  # the last words of a chart's job that has not succeeded
    clock: int | None = None  # seconds since 1970, where asked for
    version: str = ""  # of the binary, where asked for
    complaints: tuple[str, ...] = field(default=())


def parse_status(output: str) -> Status:
    """The status in the output of ``status.sh``; a section that cannot be read is a complaint."""
    sections = sections_of(output)
    complaints: list[str] = []

    def read(name: str) -> str | None:
        if name not in sections:
            return None
        code, body = sections[name]
        if code == 0:
            return body
        complaints.append(f"{name}: {_last_line(body)}")
        return None

    unit = dict(line.partition("=")[::2] for line in (read("unit") or "").splitlines())
    images = read("images")
    nodes, charts = _json(read("nodes")), _json(read("charts"))
    return Status(
        active=unit.get("ActiveState", "unknown"),
        restarts=int(unit.get("NRestarts") or 0),
        images=None if images is None else _images(images),
        api_ready=(read("ready") or "").strip() == "ok",
        nodes=None if nodes is None else _nodes(nodes),
        charts=None if charts is None else _charts(charts),
        node_token=_secret(read("token")),
        kubeconfig=_secret(read("kubeconfig")),
        journal=(read("journal") or "").strip(),
        chart_log=(read("chart-log") or "").strip(),
        clock=_number(read("clock")),
        version=_version(read("version")),
        complaints=tuple(complaints),
    )


def _number(body: str | None) -> int | None:
    text = (body or "").strip()
    return int(text) if text.isdigit() else None


def _version(body: str | None) -> str:
    """``k3s version v1.36.2+k3s1 (…)``."""
    words = (body or "").split()
    return words[2] if len(words) > 2 else ""


def _last_line(body: str) -> str:
    lines = [line for line in body.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _json(body: str | None) -> dict[str, Any] | None:
    if body is None:
        return None
    try:
        # kubectl may print warnings before the document.
        found = json.loads(body[body.index("{") :])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _secret(body: str | None) -> Secret | None:
    if not body or not body.strip():
        return None
    try:
        return Secret(base64.b64decode("".join(body.split()), validate=True).strip())
    except binascii.Error:
        return None


def _images(table: str) -> dict[str, str]:
    """``ctr images ls``: REF TYPE DIGEST SIZE …, in columns."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}


def _nodes(listing: Mapping[str, Any]) -> dict[str, NodeState]:
    found = {}
    for item in listing.get("items", ()):
        name = item["metadata"]["name"]
        status = item.get("status", {})
        conditions: Mapping[str, Mapping[str, str]] = {
            c.get("type"): c for c in status.get("conditions", ())
        }
        ready, voter = conditions.get("Ready", {}), conditions.get("EtcdIsVoter", {})
        found[name] = NodeState(
            name=name,
            ready=ready.get("status") == "True",
            message=ready.get("message") or ready.get("reason") or "no Ready condition yet",
            version=status.get("nodeInfo", {}).get("kubeletVersion", ""),
            labels=item["metadata"].get("labels", {}),
            voter=_voter(voter),
            voter_message=voter.get("message", ""),
        )
    return found


def _voter(condition: Mapping[str, str]) -> bool | None:
    """K3s, pkg/etcd: False for a learner, a member that does not answer, and one that is none."""
    if not condition or condition.get("reason") == "NotAMember":
        return None
    return condition.get("status") == "True"


def _charts(listing: Mapping[str, Any]) -> tuple[ChartState, ...]:
    items = listing.get("items", ())
    jobs = {
        (item["metadata"].get("namespace", ""), item["metadata"]["name"]): item.get("status", {})
        for item in items
        if item.get("kind") == "Job"
    }
    return tuple(_chart(item, jobs) for item in items if item.get("kind") == "HelmChart")


def _chart(
    item: Mapping[str, Any], jobs: Mapping[tuple[str, str], Mapping[str, Any]]
) -> ChartState:
    name = item["metadata"]["name"]
    namespace = item["metadata"].get("namespace", "")
    job_name = item.get("status", {}).get("jobName") or f"helm-install-{name}"
    job = jobs.get((namespace, job_name))
    if job is None:
        return ChartState(namespace, name, False, f"job {job_name} does not exist yet")
    failed = int(job.get("failed") or 0)
    message = f"job {job_name} failed {failed} times" if failed else f"job {job_name} is running"
    return ChartState(namespace, name, int(job.get("succeeded") or 0) > 0, message)


# An agent that works may be "activating" for minutes: K3s tells systemd only after its network
# policy controller has seen a heartbeat of the node newer than its own start, and the kubelet sends
# one every five minutes when nothing changes (pkg/agent/run.go, pkg/agent/netpol/netpol.go).
_ALIVE = frozenset({"active", "activating", "reloading"})


def why_not_running(status: Status, images: Mapping[str, str]) -> str | None:
    """Why a node's own K3s is not as it should be; None where it is.

    ``images`` are the references and digests that must be there.
    """
    if is_rejected(status):
        return (
            "the cluster knows another host by this name (node password rejected); if you "
            "reinstalled the host, add --forget-node-passwords"
        )
    if status.active not in _ALIVE:
        return f"its service is {status.active}"
    if status.images is None:
        return "its container runtime does not answer yet"
    missing = [name for name in images if name not in status.images]
    if missing:
        return f"{len(missing)} of {len(images)} images are not imported yet, first {missing[0]}"
    for name, digest in images.items():
        if status.images[name] != digest:
            return f"image {name} is {status.images[name]}, expected {digest}"
    return None


def is_rejected(status: Status) -> bool:
    """Whether the last thing a node heard is that its name belongs to another host."""
    last = status.journal.splitlines()[-2:]
    return status.active != "active" and any("Node password rejected" in line for line in last)


def why_no_api(status: Status) -> str | None:
    """Why a server's API cannot be used; None where it can."""
    if status.active not in _ALIVE:
        return f"its service is {status.active}"
    if not status.api_ready:
        return "the API is not ready"
    if status.node_token is None:
        return "it has no join token yet"
    return None


def why_not_ready(status: Status, node: str) -> str | None:
    """Why the cluster does not count a node as Ready; None where it does."""
    if status.nodes is None:
        return "the API does not list nodes"
    state = status.nodes.get(node)
    if state is None:
        return "it has not joined the cluster"
    return None if state.ready else f"not Ready: {state.message}"


def why_no_voter(status: Status, node: str) -> str | None:
    """Why a server is not yet a full member of etcd; None where it is."""
    state = (status.nodes or {}).get(node)
    if state is None or state.voter is None:
        return "it is not a member of etcd yet"
    said = state.voter_message or "it is still a learner, and copies the cluster's data"
    return None if state.voter else f"it has no vote in etcd: {said}"


def why_charts_pending(status: Status) -> str | None:
    """Which chart is not installed, and why; None where all are."""
    if status.charts is None:
        return "the API does not list charts"
    for chart in status.charts:
        if not chart.done:
            return f"chart {chart.namespace}/{chart.name}: {chart.message}"
    return None
