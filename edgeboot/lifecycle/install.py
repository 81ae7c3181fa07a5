"""Bare hosts to a running cluster, and any later convergence to what the inventory says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgeboot.engine.fleet import FleetError, on_all
from edgeboot.engine.observe import observe, observe_locked
from edgeboot.errors import EdgebootError, Refused
from edgeboot.events import Listener, Note
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.belonging import of_other_clusters
from edgeboot.lifecycle.phases import Gate, Phase, Walk, plan
from edgeboot.lifecycle.preflight import fleet_objections, objections, room_objections
from edgeboot.lifecycle.world import Plan, Supplies, World, settling_steps, staging_steps
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import (
    why_charts_pending,
    why_no_api,
    why_not_ready,
    why_not_running,
)
from edgeboot.plan.steps import Upload
from edgeboot.secret import Secret
from edgeboot.transport.base import Held, Transport


def _all(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.nodes


def _first_server(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.servers[:1]


def _agents(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.agents


def _nothing(_world: World, _node: Node) -> tuple[()]:
    return ()


def _api_missing(world: World) -> dict[str, str]:
    first = world.cluster.servers[0].name
    reason = why_no_api(world.statuses[first])
    return {first: reason} if reason else {}


def _agents_not_running(world: World) -> dict[str, str]:
    return _not_running(world, world.cluster.agents)


def _not_running(world: World, nodes: tuple[Node, ...]) -> dict[str, str]:
    reasons = {
        node.name: why_not_running(world.statuses[node.name], world.expected_images(node))
        for node in nodes
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _not_whole(world: World) -> dict[str, str]:
    """The cluster as its first server sees it: its own images, every node Ready, charts done."""
    first = world.cluster.servers[0]
    seen = world.statuses[first.name]
    reasons = _not_running(world, (first,))
    for node in world.cluster.nodes:
        reason = why_not_ready(seen, node.name)
        if reason:
            reasons.setdefault(node.name, reason)
    if not reasons:
        pending = why_charts_pending(seen)
        if pending:
            reasons[first.name] = pending
    return reasons


PHASES = (
    Phase("upload", _all, staging_steps),
    Phase("first server", _first_server, settling_steps, Gate(_first_server, _api_missing)),
    Phase("agents", _agents, settling_steps, Gate(_agents, _agents_not_running)),
    Phase("cluster", _all, _nothing, Gate(_first_server, _not_whole)),
)


@dataclass(frozen=True)
class Installed:
    """How an installation ended: what was done, and the cluster's administrator kubeconfig."""

    plan: Plan
    confirmed: bool
    kubeconfig: Secret | None


def make_plan(cluster: Cluster, supplies: Supplies, transports: Mapping[str, Transport]) -> Plan:
    """What ``install`` would do; reads every host once and changes nothing.

    ``Refused`` names everything that speaks against it, of all hosts.
    """
    facts, errors = on_all(transports, lambda name: observe(transports[name]))
    if errors:
        raise FleetError(errors)
    return _checked_plan(_world(cluster, supplies, facts))


def install(
    cluster: Cluster,
    supplies: Supplies,
    transports: Mapping[str, Transport],
    *,
    confirm: Callable[[Plan], bool],
    tell: Listener,
    patience: float,
) -> Installed:
    """Makes the hosts what the inventory says, and waits until the cluster is whole.

    Every host is locked from before it is observed until the end. ``confirm`` sees the plan before
    anything is changed. ``patience`` in seconds bounds each gate.
    """
    seen, errors = on_all(transports, lambda name: observe_locked(transports[name]))
    locks: list[Held] = [held for _, held in seen.values()]
    try:
        if errors:
            raise FleetError(errors)
        world = _world(cluster, supplies, {name: facts for name, (facts, _) in seen.items()})
        planned = _checked_plan(world)
        if not planned.empty and not confirm(planned):
            return Installed(planned, confirmed=False, kubeconfig=None)
        _check_supplies(supplies, planned, tell)
        world = Walk(transports, tell, patience).run(PHASES, world)
        kubeconfig = world.statuses[cluster.servers[0].name].kubeconfig
        return Installed(planned, confirmed=True, kubeconfig=kubeconfig)
    finally:
        for held in locks:
            held.release()


def _check_supplies(supplies: Supplies, planned: Plan, tell: Listener) -> None:
    """A bundle that was damaged on its way is found before the first host is changed."""
    if any(isinstance(step, Upload) for _, step in planned.steps):
        tell(Note("checking the bundle"))
        supplies.check()


def _world(cluster: Cluster, supplies: Supplies, facts: Mapping[str, Facts]) -> World:
    # The short form of a token: 32 hexadecimal digits, as K3s itself generates.
    return World(cluster, supplies, facts, Secret(secrets.token_hex(16).encode()))


def _checked_plan(world: World) -> Plan:
    contents = world.supplies.contents
    errors: dict[str, EdgebootError] = {}
    cloned = fleet_objections(world.facts)
    planned = plan(PHASES, world)
    for node in world.cluster.nodes:
        facts = world.facts[node.name]
        reasons = (
            *objections(world.cluster, node, facts, contents),
            *cloned.get(node.name, ()),
            *room_objections(facts, planned.steps_of(node.name)),
        )
        if reasons:
            errors[node.name] = Refused(
                "; ".join(reasons),
                error_id="preflight",
                where=node.name,
                hint="nothing was changed on any host; mend this and run the command again",
            )
    errors.update(of_other_clusters(world.cluster, world.facts))
    if errors:
        raise FleetError(errors)
    return planned
