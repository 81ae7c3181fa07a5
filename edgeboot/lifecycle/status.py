"""The state of a whole cluster: read only, one exec a host; and why a node is not Ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.components.context import service_of
from edgeboot.engine.fleet import on_all
from edgeboot.engine.observe import status
from edgeboot.errors import EdgebootError, combined_exit_code
from edgeboot.inventory.model import Cluster, Node
from edgeboot.plan.diagnosis import Diagnosis, diagnose
from edgeboot.plan.health import (
    ChartState,
    Status,
    answering,
    why_no_voter,
    why_not_ready,
)
from edgeboot.transport.base import Transport

CLOCK_TOLERANCE = 30  # seconds; certificates and leases bear no more with comfort
_MISSED, _UNREACHABLE = 1, 3


@dataclass(frozen=True)
class NodeReport:
    """One node. ``ready`` is None where the API could not be asked; ``why`` None where all is well.

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


@dataclass(frozen=True)
class ClusterReport:
    """All nodes of the inventory, and the charts as a server sees them."""

    cluster: str
    nodes: tuple[NodeReport, ...]
    charts: tuple[ChartState, ...] | None

    @property
    def exit_code(self) -> int:
        """0 all is well, 3 a host is unreachable, else 1."""
        codes = [_UNREACHABLE for node in self.nodes if not node.reachable]
        codes += [_MISSED for node in self.nodes if node.why]
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
    return ClusterReport(cluster.name, nodes, first.charts if first else None)


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
    )


def _node(node: Node, own: Status, first: Status | None, now: int) -> NodeReport:
    known = first.nodes.get(node.name) if first and first.nodes else None
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
        journal=own.journal if why else "",
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
    return diagnose(own.journal, node.name) or _clock(own, now)


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
