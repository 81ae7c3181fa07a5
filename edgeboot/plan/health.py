"""The state of K3s on a host, what is wrong with a node and why, and which server is asked.

Shared by the gates of ``install``, by ``status`` and by ``verify``. ``status.sh`` reports what a
host knows without starting K3s's programs; the rest comes from a server's API (``kube.reading``).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgeboot.answer import is_number
from edgeboot.plan.sections import sections_of
from edgeboot.secret import Secret

# An agent that works may be "activating" for minutes: K3s tells systemd only after its network
# policy controller has seen a heartbeat of the node newer than its own start, and the kubelet sends
# one every five minutes when nothing changes (pkg/agent/run.go, pkg/agent/netpol/netpol.go).
_ALIVE = frozenset({"active", "activating", "reloading"})

# Kubelets list at most so many images, the largest (``nodeStatusMaxImages``).
_MOST_LISTED = 50


@dataclass(frozen=True)
class NodeState:
    """A Node object of the cluster. ``images`` has the names of each image its kubelet lists."""

    name: str
    ready: bool
    message: str
    version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    voter: bool | None = None  # of embedded etcd; None where the node is not a member of it
    voter_message: str = ""  # why it has no vote that counts: it learns, or is unhealthy
    ready_since: str = ""  # RFC 3339
    images: tuple[frozenset[str], ...] = ()
    machine_id: str = ""  # of the host whose kubelet last reported
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChartState:
    """A HelmChart and the job that installs it."""

    namespace: str
    name: str
    done: bool
    message: str
    job: str = ""


@dataclass(frozen=True)
class Status:
    """What a host says of its K3s; what it could not say is None, and ``complaints`` say why."""

    active: str
    restarts: int  # by its service manager, since it was last started on purpose
    images: Mapping[str, str] | None = None  # reference -> digest ("sha256:…"), where asked for
    runtime: bool = False  # whether its container runtime is there
    api_ready: bool = False
    nodes: Mapping[str, NodeState] | None = None
    charts: tuple[ChartState, ...] | None = None
    node_token: Secret | None = None
    kubeconfig: Secret | None = None
    journal: str = ""  # of the present start
    containerd: str = ""  # complaints in containerd's log, where the kubelet does not run
    chart_log: str = ""  # the last words of a chart's job that has not succeeded
    clock: int | None = None  # seconds since 1970, where asked for
    version: str = ""  # of the binary, where asked for
    machine_id: str = ""  # where asked for
    runs_as: str = ""  # the Node that the host is, where asked for; empty if it has not joined
    complaints: tuple[str, ...] = field(default=())


def is_alive(active: str) -> bool:
    """Whether a service runs or is about to, by its state in systemd's words."""
    return active in _ALIVE


def answering(servers: Iterable[str], statuses: Mapping[str, Status]) -> str | None:
    """The server to ask about the cluster: the first whose API is ready and lists nodes."""
    seen = ((name, statuses[name]) for name in servers if name in statuses)
    return next((name for name, s in seen if s.api_ready and s.nodes is not None), None)


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
    identity = dict(line.partition("=")[::2] for line in (read("identity") or "").splitlines())
    return Status(
        active=unit.get("ActiveState", "unknown"),
        restarts=_number(unit.get("NRestarts")) or 0,
        runtime=unit.get("Runtime") == "yes" or images is not None,
        images=None if images is None else _images(images),
        node_token=_secret(read("token")),
        kubeconfig=_secret(read("kubeconfig")),
        journal=(read("journal") or "").strip(),
        containerd=(read("containerd") or "").strip(),
        clock=_number(read("clock")),
        version=_version(read("version")),
        machine_id=identity.get("MachineID", ""),
        runs_as=identity.get("Node", ""),
        complaints=tuple(complaints),
    )


def _number(body: str | None) -> int | None:
    text = (body or "").strip()
    return int(text) if is_number(text) else None


def _version(body: str | None) -> str:
    """``k3s version v1.36.2+k3s1 (…)``."""
    words = (body or "").split()
    return words[2] if len(words) > 2 else ""


def _last_line(body: str) -> str:
    lines = [line for line in body.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _secret(body: str | None) -> Secret | None:
    if not body or not body.strip():
        return None
    try:
        return Secret(base64.b64decode("".join(body.split()), validate=True).strip())
    except ValueError:
        return None


def _images(table: str) -> dict[str, str]:
    """``ctr images ls``: REF TYPE DIGEST SIZE …, in columns."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}


def why_not_running(status: Status) -> str | None:
    """Why a node's own K3s does not run; None if it does."""
    if is_rejected(status):
        return (
            "the cluster knows another host by this name (node password rejected); if you "
            "reinstalled the host, add --forget-node-passwords"
        )
    if not is_alive(status.active):
        return f"its service is {status.active}"
    return None if status.runtime else "its container runtime is not up yet"


def why_no_images(node: NodeState, images: Mapping[str, str]) -> str | None:
    """Which of ``images`` (reference to digest) a node has not imported; None if all are there.

    As its kubelet lists them, so the host is not asked. If the list is full or switched off, a
    missing image proves nothing.
    """
    whole = 0 < len(node.images) < _MOST_LISTED or not node.ready
    missing = []
    for name, digest in images.items():
        repository = _repository(name)
        found = next((n for n in node.images if {name, f"{repository}@{digest}"} & n), None)
        if found is None:
            missing.append(name)
            continue
        others = [n for n in found if n.startswith(f"{repository}@")]
        if others and f"{repository}@{digest}" not in found:
            return f"image {name} is {others[0].partition('@')[2]}, expected {digest}"
    if missing and whole:
        return f"{len(missing)} of {len(images)} images are not imported yet, first {missing[0]}"
    return None


def _repository(reference: str) -> str:
    """``docker.io/rancher/pause:3.6`` without its tag; a registry may have a port."""
    head, slash, last = reference.rpartition("/")
    return head + slash + last.partition("@")[0].partition(":")[0]


def is_rejected(status: Status) -> bool:
    """Whether the last thing a node heard is that its name belongs to another host."""
    last = status.journal.splitlines()[-2:]
    return status.active != "active" and any("Node password rejected" in line for line in last)


def why_no_api(status: Status) -> str | None:
    """Why a server's API cannot be used; None where it can."""
    if not is_alive(status.active):
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
    said = state.voter_message or "it is still a learner that copies the cluster's data"
    return None if state.voter else f"it has no vote in etcd: {said}"


def why_charts_pending(status: Status) -> str | None:
    """Which chart is not installed, and why; None where all are."""
    if status.charts is None:
        return "the API does not list charts"
    for chart in status.charts:
        if not chart.done:
            return f"chart {chart.namespace}/{chart.name}: {chart.message}"
    return None
