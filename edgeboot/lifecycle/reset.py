"""A cluster, or some of its nodes, back to bare hosts: agents first, then servers.

Each host is surveyed under its lock; the steps follow from what was found, so an interrupted reset
resumes where it was. edgeboot's record goes last: as long as it is there, the host is known to be
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeboot.components.context import service_of
from edgeboot.engine.fleet import FleetError, require_all
from edgeboot.engine.host_sessions import DEFAULT_POLICY, HostSessions, RunPolicy
from edgeboot.engine.observe import observe, status, survey
from edgeboot.engine.phase_runner import PhaseRunner
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import Listener
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.departure import Departure
from edgeboot.lifecycle.quorum import majority
from edgeboot.plan.cluster import DeleteNodes
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import NodeState, Status, answering
from edgeboot.plan.phases import Gate, Phase, plan
from edgeboot.plan.reset.clear import Clear
from edgeboot.plan.reset.plan import ResetPlan
from edgeboot.plan.reset.remains import Remains, clearing_steps, losses
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Transport


@dataclass(frozen=True)
class Seen:
    """One host as it was found."""

    facts: Facts
    remains: Remains
    status: Status | None = None  # of a server that stays


@dataclass(frozen=True)
class ResetState:
    """All that a reset decides from. ``statuses``: what a survey found since something was done."""

    cluster: Cluster
    nodes: tuple[Node, ...]  # those to reset
    found: Mapping[str, Seen]
    statuses: Mapping[str, Remains] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()

    def with_facts(self, facts: Mapping[str, Seen]) -> ResetState:
        """The same state after some hosts were read anew."""
        return replace(self, found={**self.found, **facts})

    def with_status(self, node: str, status: Remains) -> ResetState:
        """The same state after a survey of a host."""
        return replace(self, statuses={**self.statuses, node: status})

    def without_statuses(self) -> ResetState:
        """The same state after something was done: earlier surveys count no more."""
        return replace(self, statuses={})


# -- which nodes


def chosen(cluster: Cluster, limit: Iterable[str]) -> tuple[Node, ...]:
    """The nodes to reset: all, or those named; ``BadInput`` for a name that is none.

    ``Refused`` where the agents that stay would be left without the server they belong to.
    """
    names = tuple(limit)
    known = {node.name for node in cluster.nodes}
    for name in names:
        if name not in known:
            raise BadInput(
                f"--limit: no such node: {name!r}",
                where=cluster.where,
                hint=f"choose from {', '.join(sorted(known))}",
            )
    nodes = tuple(node for node in cluster.nodes if not names or node.name in names)
    if len(nodes) < len(cluster.nodes) and all(server in nodes for server in cluster.servers):
        raise Refused(
            "the last server cannot be reset while other nodes stay",
            hint="omit --limit to reset the whole cluster, or keep a server",
        )
    return nodes


def involved(cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes to connect to: those that are reset, and the servers that forget them."""
    whole = len(nodes) == len(cluster.nodes)
    return nodes if whole else (*nodes, *(s for s in cluster.servers if s not in nodes))


def _staying(state: ResetState) -> tuple[Node, ...]:
    return tuple(server for server in state.cluster.servers if server not in state.nodes)


def _witness(state: ResetState) -> tuple[Node, ...]:
    """A server that stays, one whose API answers if possible; none where the whole cluster goes."""
    staying = _staying(state)
    asked = answering((server.name for server in staying), _statuses(state))
    return tuple(server for server in staying if server.name == asked) or staying[:1]


def _statuses(state: ResetState) -> Mapping[str, Status]:
    return {name: seen.status for name, seen in state.found.items() if seen.status}


def _agents(state: ResetState) -> tuple[Node, ...]:
    return tuple(agent for agent in state.cluster.agents if _has_remains(state, agent))


def _servers(state: ResetState) -> tuple[Node, ...]:
    return tuple(server for server in state.cluster.servers if _has_remains(state, server))


def _has_remains(state: ResetState, node: Node) -> bool:
    return node in state.nodes and bool(clearing_steps(state.found[node.name].remains))


# -- what is done


def phases() -> tuple[Phase[ResetState, Node], ...]:
    """What a dying pod leaves behind may show only after the first round: so there are two."""
    return (
        Phase("agents", _agents, _clear, Gate(_agents, _surveyed)),
        Phase("agents, what is left", _agents, _clear_rest, Gate(_agents, _not_bare)),
        Phase("cluster", _witness, _forget),
        Phase("servers", _servers, _clear, Gate(_servers, _surveyed)),
        Phase("servers, what is left", _servers, _clear_rest, Gate(_servers, _not_bare)),
    )


def _clear(state: ResetState, node: Node) -> tuple[Clear, ...]:
    return clearing_steps(state.found[node.name].remains)


def _clear_rest(state: ResetState, node: Node) -> tuple[Clear, ...]:
    return clearing_steps(state.statuses.get(node.name, Remains()))


def _forget(state: ResetState, server: Node) -> tuple[DeleteNodes, ...]:
    """The nodes that the cluster knows and loses."""
    known = _known(state.found[server.name])
    departure = _departure(state, state.found[server.name])
    names = map(departure.node_of, state.nodes)
    gone = tuple(name for name in dict.fromkeys(names) if name in known)
    return (DeleteNodes(gone),) if gone else ()


def _known(server: Seen) -> Mapping[str, NodeState]:
    return (server.status.nodes if server.status else None) or {}


def _departure(state: ResetState, server: Seen | None) -> Departure:
    """What decides which Nodes go; ``server`` is one that stays, if any does."""
    facts = {name: seen.facts for name, seen in state.found.items()}
    known = _known(server) if server else {}
    return Departure(state.cluster, state.nodes, facts, known)


def _surveyed(_state: ResetState) -> Mapping[str, str]:
    """Every host is surveyed again, whatever is found: the next phase decides from it."""
    return {}


def _not_bare(state: ResetState) -> Mapping[str, str]:
    left = {name: clearing_steps(remains) for name, remains in state.statuses.items()}
    return {
        name: "; ".join(step.describe() for step in steps) for name, steps in left.items() if steps
    }


class _Survey:
    """Looks for what is left. Nothing goes by waiting, so one look decides."""

    def look(self, _node: Node, transport: Transport) -> Remains:
        return survey(transport)

    def looks_until_hopeless(self, _state: ResetState, _node: str) -> int:
        return 1

    def gave_up(
        self,
        _state: ResetState,
        node: str,
        reason: str,
        _steps: Sequence[Step],
        _transport: Transport,
    ) -> StepFailed:
        return StepFailed(
            f"still on the host after the reset: {reason}",
            where=node,
            hint="rerun; if it remains, reboot the host and rerun",
        )


# -- the operation


def make_plan(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    transports: Mapping[str, Transport],
    *,
    foreign: bool,
) -> ResetPlan:
    """What ``reset`` would do; reads every host and changes nothing."""
    found = require_all(
        transports,
        lambda name: _seen(cluster, nodes, transports[name], observe(transports[name])),
    )
    return _checked_plan(ResetState(cluster, nodes, found), foreign=foreign)


def reset(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    transports: Mapping[str, Transport],
    *,
    foreign: bool,
    confirm: Callable[[ResetPlan], bool],
    tell: Listener,
    policy: RunPolicy = DEFAULT_POLICY,
) -> bool:
    """Makes ``nodes`` bare. Every host is locked; ``confirm`` sees everything before any change.

    Returns whether it was confirmed; nothing to do counts as confirmed.
    """

    def read(transport: Transport, facts: Facts) -> Seen:
        return _seen(cluster, nodes, transport, facts)

    sessions = HostSessions(transports, policy, tell, read=read)
    try:
        found, errors = sessions.take(transports)
        if errors:
            raise FleetError(errors)
        state = ResetState(cluster, nodes, found)
        reset_plan = _checked_plan(state, foreign=foreign)
        if reset_plan.plan.empty:
            return True
        if not confirm(reset_plan):
            return False
        PhaseRunner(sessions, _Survey(), tell, patience=0.0).run(phases(), state)
        return True
    finally:
        sessions.release()


def _seen(cluster: Cluster, nodes: tuple[Node, ...], transport: Transport, facts: Facts) -> Seen:
    """A host's remains; of a server that stays also how it is doing."""
    staying = {server.name for server in cluster.servers if server not in nodes}
    role = Role.SERVER
    return Seen(
        facts,
        survey(transport),
        status(transport, role.value, service_of(role)) if transport.node in staying else None,
    )


def _checked_plan(state: ResetState, *, foreign: bool) -> ResetPlan:
    departure = _departure(state, next((state.found[s.name] for s in _witness(state)), None))
    errors = {
        node.name: error
        for node in state.nodes
        if not foreign and (error := _objection(state.found[node.name], node, departure))
    }
    if errors:
        raise FleetError(errors)
    errors = {
        node.name: _astray(node.name, state.found[node.name].remains)
        for node in state.nodes
        if state.found[node.name].remains.astray
    }
    if errors:
        raise FleetError(errors)
    for server in _witness(state):
        _check_quorum(state, state.found[server.name].status, departure)
    lost = {node.name: losses(state.found[node.name].remains) for node in state.nodes}
    planned = replace(
        plan(phases(), state), roles={node.name: node.role.value for node in state.nodes}
    )
    return ResetPlan(planned, {name: some for name, some in lost.items() if some})


def _check_quorum(state: ResetState, seen: Status | None, departure: Departure) -> None:
    """Servers go while those that stay can agree: they are taken out of etcd first."""
    servers = [server for server in state.cluster.servers if server in state.nodes]
    if not servers:
        return
    going = {departure.node_of(server) or server.name for server in servers}
    if seen is None or not seen.api_ready or seen.nodes is None:
        raise Refused(
            f"cannot remove {', '.join(sorted(going))} from etcd: no remaining server answers",
            hint="`edgeboot status` shows why; without a quorum you can only reset the whole "
            "cluster or restore a snapshot",
            error_id="no-quorum",
        )
    left = [n for n in seen.nodes.values() if n.voter is not None and n.name not in going]
    well = [node.name for node in left if node.ready and node.voter]
    if left and len(well) < majority(len(left)):
        down = ", ".join(node.name for node in left if node.name not in well)
        raise Refused(
            f"without {', '.join(sorted(going))} the cluster would lose its quorum: {down} is down",
            hint=f"start {down} first, or reset it instead",
            error_id="no-quorum",
        )


def _is_foreign(seen: Seen) -> bool:
    """Whether a K3s is there that edgeboot knows nothing of."""
    remains = seen.remains
    present = remains.services or remains.paths or remains.processes
    return bool(present) and not seen.facts.owned


def _astray(node: str, remains: Remains) -> Refused:
    """A link of K3s's leads where nothing may be removed, or to a disk that is not mounted."""
    place, why = next(iter(remains.astray.items()))
    return Refused(
        f"cannot remove what is in {place}: {why}",
        where=node,
        hint=f"nothing was changed on any host; see `ls -ld {place}`, mount the disk or remove the "
        "link (after K3s's files behind it), and rerun",
    )


def _objection(seen: Seen, node: Node, departure: Departure) -> Refused | None:
    """Why a host is not reset unless ``--foreign`` is given; None if nothing speaks against it."""
    objection = departure.objection(node)
    if objection or not _is_foreign(seen):
        return objection
    return Refused(
        "the K3s on this host was not installed by edgeboot",
        where=node.name,
        hint="nothing was changed on any host; to remove it anyway, add --foreign",
    )
