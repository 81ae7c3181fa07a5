"""A cluster, or some of its nodes, back to bare hosts: agents first, then servers.

Each host is surveyed under its lock; the steps follow from what was found, so a reset that was
interrupted goes on where it was. edgeboot's record goes last: as long as it is there, the host is
known to be ours. The gate of a phase is a second survey that finds nothing left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edgeboot.components.context import service_of
from edgeboot.engine.apply import apply
from edgeboot.engine.fleet import FleetError, on_all, require_all
from edgeboot.engine.observe import new_run, observe, observe_locked, status, survey
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from edgeboot.events import Listener, PhaseEnded, PhaseStarted
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.quorum import majority
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import Status
from edgeboot.plan.plan import Plan, PlannedPhase
from edgeboot.plan.reset.clear import Forget
from edgeboot.plan.reset.remains import Loss, Remains, clearing_steps, losses
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Held, Transport

_ROUNDS = 2  # what a dying pod leaves behind may show only after the first


@dataclass(frozen=True)
class Seen:
    """One host as it was found."""

    facts: Facts
    remains: Remains
    status: Status | None = None  # of a server that stays while others go


@dataclass(frozen=True)
class ResetPlan:
    """What a reset would do, and the data that goes with it, by node."""

    plan: Plan
    losses: Mapping[str, tuple[Loss, ...]]


def chosen(cluster: Cluster, limit: Iterable[str]) -> tuple[Node, ...]:
    """The nodes to reset: all, or those named; ``BadInput`` for a name that is none.

    ``Refused`` where the agents that stay would be left without the server they belong to.
    """
    names = tuple(limit)
    known = {node.name for node in cluster.nodes}
    for name in names:
        if name not in known:
            raise BadInput(
                f"--limit names {name!r}, which is not in the inventory",
                hint=f"it has {', '.join(sorted(known))}",
            )
    nodes = tuple(node for node in cluster.nodes if not names or node.name in names)
    if len(nodes) < len(cluster.nodes) and all(server in nodes for server in cluster.servers):
        raise Refused(
            "the last server cannot be reset while other nodes of its cluster stay",
            hint="leave --limit away to reset the whole cluster, or let a server stay",
        )
    return nodes


def involved(cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes to connect to: those that are reset, and the servers that forget them."""
    whole = len(nodes) == len(cluster.nodes)
    return nodes if whole else (*nodes, *(s for s in cluster.servers if s not in nodes))


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
        lambda name: Seen(
            observe(transports[name]),
            survey(transports[name]),
            _status(cluster, nodes, transports[name]),
        ),
    )
    return _reset_plan(cluster, nodes, found, foreign=foreign)


def reset(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    transports: Mapping[str, Transport],
    *,
    foreign: bool,
    confirm: Callable[[ResetPlan], bool],
    tell: Listener,
) -> bool:
    """Makes ``nodes`` bare. Every host is locked; ``confirm`` sees everything before any change.

    Returns whether it was confirmed; nothing to do counts as confirmed.
    """
    run = new_run()
    facts, errors = on_all(transports, lambda name: observe_locked(transports[name], run))
    locks: list[Held] = [held for _, held in facts.values()]
    try:
        if errors:
            raise FleetError(errors)
        rest = require_all(
            transports,
            lambda name: (survey(transports[name]), _status(cluster, nodes, transports[name])),
        )
        found = {name: Seen(seen, *rest[name]) for name, (seen, _) in facts.items()}
        reset_plan = _reset_plan(cluster, nodes, found, foreign=foreign)
        if reset_plan.plan.empty:
            return True
        if not confirm(reset_plan):
            return False
        for phase in reset_plan.plan.phases:
            _carry_out(phase, transports, tell)
        return True
    finally:
        for held in locks:
            held.release()


def _reset_plan(
    cluster: Cluster, nodes: tuple[Node, ...], found: Mapping[str, Seen], *, foreign: bool
) -> ResetPlan:
    errors = {
        node.name: _refusal(node.name)
        for node in nodes
        if not foreign and _is_foreign(found[node.name])
    }
    if errors:
        raise FleetError(errors)

    def cleared(chosen: Iterable[Node]) -> dict[str, tuple[Step, ...]]:
        steps = {n.name: _steps(found[n.name]) for n in chosen if n in nodes}
        return {name: those for name, those in steps.items() if those}

    phases = [PlannedPhase("agents", cleared(cluster.agents))]
    if len(nodes) < len(cluster.nodes):
        server = _witness(cluster, nodes, found)
        _check_quorum(cluster, nodes, found[server].status)
        known = found[server].remains.nodes
        gone = tuple(n.name for n in nodes if known is not None and n.name in known)
        phases.append(PlannedPhase("cluster", {server: (Forget(gone),)} if gone else {}))
    phases.append(PlannedPhase("servers", cleared(cluster.servers)))
    lost = {node.name: losses(found[node.name].remains) for node in nodes}
    return ResetPlan(Plan(tuple(phases)), {name: those for name, those in lost.items() if those})


def _status(cluster: Cluster, nodes: tuple[Node, ...], transport: Transport) -> Status | None:
    """How a server does that stays while servers go; None where nobody needs to know."""
    staying = [server.name for server in cluster.servers if server not in nodes]
    if transport.node not in staying or len(staying) == len(cluster.servers):
        return None
    return status(transport, Role.SERVER.value, service_of(Role.SERVER))


def _witness(cluster: Cluster, nodes: tuple[Node, ...], found: Mapping[str, Seen]) -> str:
    """A server that stays, one whose API answers if there is such."""
    staying = [server.name for server in cluster.servers if server not in nodes]
    return next((name for name in staying if found[name].remains.nodes is not None), staying[0])


def _check_quorum(cluster: Cluster, nodes: tuple[Node, ...], seen: Status | None) -> None:
    """Servers go while those that stay can agree: they are taken out of etcd first."""
    going = {server.name for server in cluster.servers if server in nodes}
    if not going:
        return
    if seen is None or not seen.api_ready or seen.nodes is None:
        raise Refused(
            f"{', '.join(sorted(going))} cannot be taken out of etcd: no server that stays answers",
            hint="`edgeboot status` says why; with no quorum left only the whole cluster can be "
            "reset, or restored from a snapshot",
            error_id="no-quorum",
        )
    left = [n for n in seen.nodes.values() if n.voter is not None and n.name not in going]
    well = [node.name for node in left if node.ready and node.voter]
    if left and len(well) < majority(len(left)):
        down = ", ".join(node.name for node in left if node.name not in well)
        raise Refused(
            f"without {', '.join(sorted(going))} the cluster would lose its quorum: {down} is down",
            hint="bring it back first, or reset that one instead",
            error_id="no-quorum",
        )


def _steps(seen: Seen) -> tuple[Step, ...]:
    return clearing_steps(seen.remains)


def _is_foreign(seen: Seen) -> bool:
    """Whether a K3s is there that edgeboot knows nothing of."""
    remains = seen.remains
    present = remains.services or remains.paths or remains.processes
    return bool(present) and not seen.facts.owned


def _refusal(node: str) -> Refused:
    return Refused(
        "the K3s on this host was not set up by edgeboot",
        where=node,
        hint="nothing was changed on any host; add --foreign if it is to go all the same",
    )


def _carry_out(
    phase: PlannedPhase,
    transports: Mapping[str, Transport],
    tell: Listener,
) -> None:
    tell(PhaseStarted(phase.name, tuple(phase.steps)))

    def work(name: str) -> None:
        steps = phase.steps[name]
        apply(transports[name], steps, tell)
        if any(isinstance(step, Forget) for step in steps):
            return
        for last in (False,) * (_ROUNDS - 1) + (True,):
            left = clearing_steps(survey(transports[name]))
            if not left:
                return
            if last:
                raise StepFailed(
                    f"this is still there: {'; '.join(step.describe() for step in left)}",
                    where=name,
                    hint="run the same command again; if it stays, a reboot frees what is held",
                )
            apply(transports[name], left, tell)

    try:
        require_all(phase.steps, work)
    except EdgebootError:
        tell(PhaseEnded(phase.name, ok=False))
        raise
    tell(PhaseEnded(phase.name, ok=True))
