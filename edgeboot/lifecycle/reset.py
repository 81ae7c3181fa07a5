"""A cluster, or some of its agents, back to bare hosts: agents first, then servers.

Each host is surveyed under its lock; the steps follow from what was found, so a reset that was
interrupted goes on where it was. edgeboot's record goes last: as long as it is there, the host is
known to be ours. The gate of a phase is a second survey that finds nothing left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edgeboot.engine.apply import apply
from edgeboot.engine.fleet import FleetError, on_all, require_all
from edgeboot.engine.observe import new_run, observe, observe_locked, survey
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from edgeboot.events import Listener, PhaseEnded, PhaseStarted
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.world import Plan, PlannedPhase
from edgeboot.plan.clearing import Forget
from edgeboot.plan.facts import Facts
from edgeboot.plan.remains import Loss, Remains, clearing_steps, losses
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Held, Transport

_ROUNDS = 2  # what a dying pod leaves behind may show only after the first


@dataclass(frozen=True)
class Seen:
    """One host as it was found."""

    facts: Facts
    remains: Remains


@dataclass(frozen=True)
class Doom:
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
    if len(nodes) < len(cluster.nodes) and any(node in cluster.servers for node in nodes):
        raise Refused(
            "a server cannot be reset while other nodes of its cluster stay",
            hint="leave --limit away to reset the whole cluster, or name agents only",
        )
    return nodes


def involved(cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes to connect to: those that are reset, and the server that forgets them."""
    whole = len(nodes) == len(cluster.nodes)
    return nodes if whole else (*nodes, cluster.servers[0])


def make_plan(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    transports: Mapping[str, Transport],
    *,
    foreign: bool,
) -> Doom:
    """What ``reset`` would do; reads every host and changes nothing."""
    found = require_all(
        transports, lambda name: Seen(observe(transports[name]), survey(transports[name]))
    )
    return _doom(cluster, nodes, found, foreign=foreign)


def reset(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    transports: Mapping[str, Transport],
    *,
    foreign: bool,
    confirm: Callable[[Doom], bool],
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
        remains = require_all(transports, lambda name: survey(transports[name]))
        found = {name: Seen(seen, remains[name]) for name, (seen, _) in facts.items()}
        doom = _doom(cluster, nodes, found, foreign=foreign)
        if doom.plan.empty:
            return True
        if not confirm(doom):
            return False
        for phase in doom.plan.phases:
            _carry_out(phase, transports, tell)
        return True
    finally:
        for held in locks:
            held.release()


def _doom(
    cluster: Cluster, nodes: tuple[Node, ...], found: Mapping[str, Seen], *, foreign: bool
) -> Doom:
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
        server = cluster.servers[0].name
        known = found[server].remains.nodes
        gone = tuple(n.name for n in nodes if known is not None and n.name in known)
        phases.append(PlannedPhase("cluster", {server: (Forget(gone),)} if gone else {}))
    phases.append(PlannedPhase("servers", cleared(cluster.servers)))
    lost = {node.name: losses(found[node.name].remains) for node in nodes}
    return Doom(Plan(tuple(phases)), {name: those for name, those in lost.items() if those})


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
