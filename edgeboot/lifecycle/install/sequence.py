"""The phases of an installation, in order; the order of servers follows from the facts.

Servers that were up and are down now start together: alone, none of them would find a quorum. All
others follow one by one after the one they join, so that there is never more than one learner and
never more than one server restarting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgeboot.checks.base import is_alive
from edgeboot.components.context import service_of
from edgeboot.errors import Refused
from edgeboot.inventory.model import DatastoreKind, Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState, settling_steps, staging_steps
from edgeboot.lifecycle.install.addons import chart_steps, former_steps, replica_steps
from edgeboot.lifecycle.install.flannel import reboot_steps
from edgeboot.lifecycle.install.hooks import around
from edgeboot.lifecycle.install.labels import marking_steps, remembering_steps
from edgeboot.lifecycle.install.prepare import forgetting_steps, joining_steps, prepare_steps
from edgeboot.lifecycle.install.rotation import foreign_members, rotation_phases
from edgeboot.lifecycle.joining import is_member
from edgeboot.lifecycle.quorum import why_not_join, why_not_stop
from edgeboot.lifecycle.tokens import password_of, written
from edgeboot.plan import paths
from edgeboot.plan.health import (
    Status,
    answering,
    why_charts_pending,
    why_no_api,
    why_no_images,
    why_no_voter,
    why_not_ready,
    why_not_running,
)
from edgeboot.plan.phases import Gate, Phase
from edgeboot.plan.steps import Start

Reasons = dict[str, str]
InstallPhase = Phase[ClusterState, Node]


def _all(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.nodes


def _servers(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.servers


def _first_server(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.servers[:1]


def _other_servers(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.servers[1:]


def _agents(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.agents


def _only(*nodes: Node) -> Callable[[ClusterState], tuple[Node, ...]]:
    """These nodes, as far as they still take part."""
    names = {node.name for node in nodes}
    return lambda state: tuple(node for node in state.cluster.nodes if node.name in names)


def _nothing(_state: ClusterState, _node: Node) -> tuple[()]:
    return ()


_BEFORE_UPLOAD = (("prepare", True), ("upload", False))  # a reboot ends the first phase
_STARTED = (("start", True), ("cluster", False))
_STARTING = around(joining_steps, (("start", False),))
PREPARE = Phase("prepare", _all, prepare_steps)


def phases(state: ClusterState) -> tuple[InstallPhase, ...]:
    """All phases for a state as it has been observed."""
    return (PREPARE, *first_phases(state), *later_phases(state))


def first_phases(state: ClusterState) -> tuple[InstallPhase, ...]:
    """What comes before anything is started: large files, and the servers' token."""
    upload = Phase("upload", _all, around(staging_steps, _BEFORE_UPLOAD, (("upload", True),)))
    return (upload, *rotation_phases(state, Gate(_servers, _not_all_well)))


def later_phases(state: ClusterState) -> tuple[InstallPhase, ...]:
    """All others: they depend on which token the servers have by then."""
    lead = state.lead
    down = _down(state)
    others = tuple(s for s in state.cluster.servers if s != lead and s not in down)
    return (
        *((_together(down),) if down else ()),
        *(() if lead in down else (_server("first server", lead, state),)),
        Phase("former nodes", _only(lead), forgetting_steps),
        *(_server(f"server {server.name}", server, state) for server in others),
        Phase(
            "agents",
            _agents,
            _STARTING,
            Gate(_agents_and_servers, _agents_not_running, witnesses=_servers),
        ),
        Phase("former charts, other servers", _other_servers, former_steps),
        Phase("former charts", _first_server, former_steps),
        Phase("charts", _first_server, chart_steps),
        Phase("charts, other servers", _other_servers, chart_steps),
        Phase("name service", _first_server, replica_steps),
        *_rebooting(state),
        Phase("network, agents", _agents, reboot_steps),
        Phase("labels and taints", _servers, marking_steps),
        Phase("record of labels and taints", _all, remembering_steps),
        Phase("cluster", _all, around(_nothing, _STARTED), Gate(_servers, _not_whole)),
        # After the last hooks the cluster must still be healthy.
        Phase("hooks", _all, around(_nothing, (("cluster", True),)), Gate(_servers, _not_whole)),
    )


def _down(state: ClusterState) -> tuple[Node, ...]:
    """Members of etcd whose K3s does not run; a single one is simply started."""
    there = [s for s in state.cluster.servers if is_member(state.facts[s.name])]
    if len(there) < 2:
        return ()
    return tuple(s for s in there if _is_down(state, s) and s.name not in state.read_only)


def _is_down(state: ClusterState, server: Node) -> bool:
    """A server that keeps failing to start is down too: it lacks the cluster's current token."""
    facts, token = state.facts[server.name], state.known_token
    unit = facts.units.get(service_of(Role.SERVER))
    if unit is None or unit.active == "active" or token is None:
        return not is_alive(facts, Role.SERVER)
    if written(facts) not in {None, password_of(token.value)}:
        return True
    had_another = paths.FORMER_TOKENS in facts.files
    starts = any(isinstance(step, Start) for step in settling_steps(state, server))
    return (had_another and starts) or not is_alive(facts, Role.SERVER)


def _not_all_well(state: ClusterState) -> Reasons:
    """Before the servers' token is rotated: a server that is missing would be locked out."""
    if strangers := foreign_members(state):
        raise Refused(
            f"etcd has members that are not in the inventory: {', '.join(strangers)}; they would "
            "not start again after the servers' token is rotated",
            where=state.lead.name,
            hint="add them to the inventory, or remove them from the cluster with their Node",
            error_id="token-not-changed",
        )
    return _first_reasons(state.cluster.servers, state, _why_not_server)


def _together(down: tuple[Node, ...]) -> InstallPhase:
    select = _only(*down)

    def why_not(state: ClusterState) -> Reasons:
        return _first_reasons(select(state), state, _why_not_server)

    return Phase("servers that are down", select, _STARTING, Gate(select, why_not))


def _server(name: str, server: Node, state: ClusterState) -> InstallPhase:
    """One server, with what must hold before it restarts or joins, and afterwards."""
    select = _only(server)
    etcd = state.cluster.datastore.kind is DatastoreKind.ETCD
    alone = not etcd and server == state.lead

    def why_not(state: ClusterState) -> Reasons:
        return _first_reasons(select(state), state, _why_no_api_there if alone else _why_not_server)

    def why_wait(state: ClusterState) -> Reasons:
        member = is_member(state.facts[server.name])
        if not member and server == state.lead:
            return {}  # it begins the cluster
        reason = (why_not_stop if member else why_not_join)(state, server.name)
        return {server.name: reason} if reason else {}

    return Phase(
        name,
        select,
        _STARTING,
        Gate(select, why_not),
        guard=Gate(_servers, why_wait) if _is_guarded(state) else None,
    )


def _rebooting(state: ClusterState) -> tuple[InstallPhase, ...]:
    """Servers reboot for another network; etcd members one by one."""
    if not _is_guarded(state):
        return (Phase("network, servers", _servers, reboot_steps),)
    phases = (_server(f"network, {s.name}", s, state) for s in state.cluster.servers)
    return tuple(replace(phase, steps=reboot_steps) for phase in phases)


def _is_guarded(state: ClusterState) -> bool:
    etcd = state.cluster.datastore.kind is DatastoreKind.ETCD
    return etcd and len(state.cluster.every_server) > 1


def _first_reasons(
    nodes: tuple[Node, ...],
    state: ClusterState,
    why_not: Callable[[ClusterState, Node, Status], str | None],
) -> Reasons:
    found = {node.name: why_not(state, node, state.statuses[node.name]) for node in nodes}
    return {name: reason for name, reason in found.items() if reason}


def _why_no_api_there(_state: ClusterState, _node: Node, status: Status) -> str | None:
    return why_no_api(status)


def _why_not_server(state: ClusterState, node: Node, status: Status) -> str | None:
    """A server must be healthy before the next one is changed."""
    if node.name in state.read_only:
        return None
    reason = why_no_api(status)
    if reason is None and state.cluster.datastore.kind is DatastoreKind.ETCD:
        reason = why_no_voter(status, node.name)
    return reason or why_not_ready(status, node.name)


def _agents_and_servers(state: ClusterState) -> tuple[Node, ...]:
    return (*state.cluster.agents, *_servers(state))


def _agents_not_running(state: ClusterState) -> Reasons:
    """Agents whose service does not run, or that the cluster does not know with their images."""
    return _not_running(state, state.cluster.agents)


def _not_running(state: ClusterState, nodes: tuple[Node, ...]) -> Reasons:
    _, seen = _witness(state)
    found = {node.name: _why_not_running(state, node, seen) for node in nodes}
    return {name: reason for name, reason in found.items() if reason}


def _why_not_running(state: ClusterState, node: Node, seen: Status) -> str | None:
    if reason := why_not_running(state.statuses[node.name]):
        return reason
    known = (seen.nodes or {}).get(node.name)
    if known is None:
        return why_not_ready(seen, node.name)
    return why_no_images(known, state.expected_images(node))


def _not_whole(state: ClusterState) -> Reasons:
    """The cluster as a server sees it: the servers' images, every node Ready, charts installed."""
    name, seen = _witness(state)
    reasons = _not_running(
        state, tuple(s for s in state.cluster.servers if s.name not in state.read_only)
    )
    for node in state.cluster.nodes:
        reason = why_not_ready(seen, node.name)
        if reason:
            reasons.setdefault(node.name, reason)
    if not reasons:
        pending = why_charts_pending(seen)
        if pending:
            reasons[name] = pending
    return reasons


def _witness(state: ClusterState) -> tuple[str, Status]:
    """The server that is asked, else the one that is joined."""
    servers = (state.lead.name, *(server.name for server in state.cluster.servers))
    name = answering(servers, state.statuses) or state.lead.name
    return name, state.statuses[name]
