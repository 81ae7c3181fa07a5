"""The state of a whole cluster: read only, one exec a host; and why a node is not Ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.checks.identity import is_other_host
from edgeboot.components.context import service_of
from edgeboot.engine.fleet import on_all
from edgeboot.engine.observe import status
from edgeboot.errors import EdgebootError, Refused, combined_exit_code
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.membership import Registered, remarks
from edgeboot.plan.diagnosis import Diagnosis, cause_of
from edgeboot.plan.health import (
    ChartState,
    NodeState,
    Status,
    answering,
    why_no_voter,
    why_not_ready,
)
from edgeboot.plan.plan import Remark
from edgeboot.transport.base import Transport

CLOCK_TOLERANCE = 30  # seconds; certificates and leases bear no more with comfort
_MISSED, _UNREACHABLE = 1, 3


@dataclass(frozen=True)
class NodeReport:
    """One node. ``why`` is None where all is well.

    ``ready`` is None where the API could not be asked, or has another host under this name.
    ``images`` counts what its kubelet lists (at most 50); ``journal`` is empty where all is well.
    """

    name: str
    role: str
    address: str
    reachable: bool
    service: str
    version: str
    ready: bool | None
    why: str | None = None
    hint: str | None = None
    error_id: str | None = None
    images: int | None = None
    journal: str = ""
    refused: bool = False  # it answers, but must not be trusted: its host key has changed


@dataclass(frozen=True)
class ClusterReport:
    """All nodes of the inventory, the charts as a server sees them, and Nodes of other hosts."""

    cluster: str
    nodes: tuple[NodeReport, ...]
    charts: tuple[ChartState, ...] | None
    unlisted: tuple[Remark, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all is well, 5 a host was refused, 3 one is unreachable, else 1."""
        codes = [Refused.exit_code for node in self.nodes if node.refused]
        codes += [_UNREACHABLE for node in self.nodes if not node.reachable]
        codes += [_MISSED for node in self.nodes if node.why]
        codes += [_MISSED for _ in self.unlisted]
        codes += [_MISSED for chart in self.charts or () if not chart.done]
        return combined_exit_code(codes)


def report(
    cluster: Cluster,
    transports: Mapping[str, Transport],
    unreachable: Mapping[str, EdgebootError],
    *,
    now: int,
) -> ClusterReport:
    """Asks every connected host once. ``now`` is the controller's clock, seconds since 1970.

    What only Kubernetes knows is asked of a server's API.
    """
    roles = {node.name: node.role for node in cluster.nodes}

    def ask(name: str) -> Status:
        role = roles[name]
        return status(transports[name], role.value, service_of(role), more=True)

    seen, errors = on_all(transports, ask)
    servers = [server.name for server in cluster.servers if server.name in seen]
    asked = answering(servers, seen) or next(iter(servers), None)
    first = seen[asked] if asked else None
    failed = {**unreachable, **errors}
    nodes = tuple(
        _unreachable(node, failed[node.name])
        if node.name in failed
        else _node(node, seen[node.name], first, now)
        for node in cluster.nodes
    )
    running = frozenset(own.runs_as for own in seen.values() if own.runs_as)
    unlisted = remarks(cluster, running, Registered(first.nodes)) if first else ()
    return ClusterReport(cluster.name, nodes, first.charts if first else None, unlisted)


def _unreachable(node: Node, error: EdgebootError) -> NodeReport:
    return NodeReport(
        name=node.name,
        role=node.role.value,
        address=node.address,
        reachable=False,
        service="unknown",
        version="",
        ready=None,
        why=error.what,
        hint=error.hint,
        error_id=error.error_id,
        refused=isinstance(error, Refused),
    )


def _node(node: Node, own: Status, first: Status | None, now: int) -> NodeReport:
    known = first.nodes.get(node.name) if first and first.nodes else None
    if wrong := _other_node(node, own, known):
        return _mistaken(node, own, wrong)
    ready = None if first is None or first.nodes is None else bool(known and known.ready)
    why = _why(node, own, first)
    cause = _cause(node, own, now) if why else None
    drift = None if why else _clock(own, now)
    said = cause or drift
    return NodeReport(
        name=node.name,
        role=node.role.value,
        address=node.address,
        reachable=True,
        service=own.active,
        version=own.version,
        ready=ready,
        why=f"{why}: {cause.what}" if why and cause else why or (drift.what if drift else None),
        hint=said.hint if said else _hint(node, own) if why else None,
        error_id=said.error_id if said else "not-ready" if why else None,
        images=len(known.images) if known else None,
        journal=_excerpt(own, cause) if why else "",
    )


def _other_node(node: Node, own: Status, known: NodeState | None) -> str | None:
    """Why the host is not the node that its entry names; None if nothing speaks against it."""
    if own.runs_as and own.runs_as != node.name:
        return f"this host runs as {own.runs_as}"
    if known and is_other_host(known, own.machine_id) and (known.ready or not own.runs_as):
        where = f" at {known.addresses[0]}" if known.addresses else ""
        return f"the cluster has another host as {node.name}{where}"
    return None


def _mistaken(node: Node, own: Status, wrong: str) -> NodeReport:
    return NodeReport(
        name=node.name,
        role=node.role.value,
        address=node.address,
        reachable=True,
        service=own.active,
        version=own.version,
        ready=None,
        why=wrong,
        hint="run `edgeboot plan`, which says what to do",
        error_id="other-node",
    )


def _why(node: Node, own: Status, first: Status | None) -> str | None:
    if not own.version:
        return "K3s is not installed"
    # A service that runs containers has only not told systemd yet that it works.
    starting = own.active == "activating" and own.runtime and first and first.nodes
    if own.active != "active" and not starting:
        return f"its service is {own.active}"
    if not own.runtime:
        return "its container runtime is not up"
    if first is None or first.nodes is None:
        return "unknown whether it is Ready: no server's API lists nodes"
    learns = first.nodes.get(node.name) and first.nodes[node.name].voter is False
    return why_not_ready(first, node.name) or (why_no_voter(first, node.name) if learns else None)


def _cause(node: Node, own: Status, now: int) -> Diagnosis | None:
    return cause_of(own, node.name) or _clock(own, now)


def _excerpt(own: Status, cause: Diagnosis | None) -> str:
    """The log that explains it; a service that was stopped has nothing to say of that."""
    if own.active == "inactive":
        return ""
    return own.containerd if cause and cause.line in own.containerd else own.journal


def _clock(own: Status, now: int) -> Diagnosis | None:
    if own.clock is None or abs(own.clock - now) <= CLOCK_TOLERANCE:
        return None
    ahead = "ahead of" if own.clock > now else "behind"
    return Diagnosis(
        error_id="clock",
        what=f"its clock is {abs(own.clock - now)} s {ahead} this machine's",
        hint="correct the wrong clock (chrony, systemd-timesyncd)",
    )


def _hint(node: Node, own: Status) -> str:
    if not own.version or own.active == "inactive":
        return "run `edgeboot install`"
    service = service_of(node.role)
    return f"edgeboot ssh {node.name} sudo journalctl -u {service} -n 100"
