"""Bare hosts to a running cluster, and any later convergence to what the inventory says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from edgeboot.engine.fleet import FleetError, on_all
from edgeboot.engine.host_sessions import STEADY, Grip, Pace
from edgeboot.errors import EdgebootError, Refused, StepFailed
from edgeboot.events import Listener, Note
from edgeboot.inventory.model import Cluster, Role
from edgeboot.lifecycle.cluster_state import Supplies, World
from edgeboot.lifecycle.install.age import age_objections
from edgeboot.lifecycle.install.cluster_identity import of_other_clusters
from edgeboot.lifecycle.install.prepare import prepare_steps, rebooted
from edgeboot.lifecycle.install.rotation import check_rotation
from edgeboot.lifecycle.install.sequence import PREPARE, first_phases, later_phases, phases
from edgeboot.lifecycle.joining import has_state
from edgeboot.lifecycle.phases import Walk, plan
from edgeboot.lifecycle.preflight import Preflight, examine, observe_all, refusals
from edgeboot.lifecycle.targets import targets_of
from edgeboot.plan.facts import Facts
from edgeboot.plan.options import USUAL_TERMS, Terms
from edgeboot.plan.plan import Plan
from edgeboot.plan.steps import Reboot, Upload
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport


@dataclass(frozen=True)
class Installed:
    """How an installation ended: what was done, and the cluster's administrator kubeconfig."""

    plan: Plan
    confirmed: bool
    kubeconfig: Secret | None
    lost: Mapping[str, EdgebootError] = field(default_factory=dict)  # left out: not reached


def preflight(
    cluster: Cluster,
    supplies: Supplies | None,
    transports: Mapping[str, Transport],
    terms: Terms,
    pace: Pace = STEADY,
) -> Preflight:
    """Examines the hosts and changes nothing; without a bundle as far as that goes."""
    facts = observe_all(cluster, transports, workers=pace.parallel)
    if supplies is None:
        return Preflight(examine(cluster, facts, None, terms, {}))
    world = _world(cluster, supplies, facts, terms, pace.bystanders)
    return Preflight(_examined_plan(world).findings)


def make_plan(
    cluster: Cluster,
    supplies: Supplies,
    transports: Mapping[str, Transport],
    terms: Terms = USUAL_TERMS,
    pace: Pace = STEADY,
) -> Plan:
    """What ``install`` would do; reads every host once and changes nothing.

    ``Refused`` names everything that speaks against it, of all hosts.
    """
    facts = observe_all(cluster, transports, workers=pace.parallel)
    world = _world(cluster, supplies, facts, terms, pace.bystanders)
    _check_lead(world)
    check_rotation(world)
    return _checked_plan(world)


def install(
    cluster: Cluster,
    supplies: Supplies,
    transports: Mapping[str, Transport],
    *,
    confirm: Callable[[Plan], bool],
    tell: Listener,
    patience: float,
    terms: Terms = USUAL_TERMS,
    pace: Pace = STEADY,
) -> Installed:
    """Makes the hosts what the inventory says, and waits until the cluster is whole.

    Every host, bystanders excepted, is locked from before it is observed until the end.
    ``confirm`` sees the plan before anything is changed. ``patience`` in seconds bounds each gate.
    """
    grip = Grip(transports, pace, tell, targets_of(cluster))
    try:
        facts, errors = grip.take(node.name for node in cluster.nodes)
        walk = Walk(grip, tell, patience)
        world = _world(cluster, supplies, facts, terms, pace.bystanders)
        world = walk.without_lost(world, errors)
        _check_lead(world)
        check_rotation(world)
        planned = _checked_plan(world)
        if not planned.empty and not confirm(planned):
            return Installed(planned, confirmed=False, kubeconfig=None)
        _check_supplies(supplies, planned, tell)
        world = walk.run((PREPARE,), world)
        if again := rebooted(planned):
            # Their locks went down with them, and what they are may have changed.
            world = _observed_again(world, again, walk)
        world = _with_token(walk.run(first_phases(world), world), walk)
        world = walk.run(later_phases(world), world)
        found = (world.statuses[server.name].kubeconfig for server in world.cluster.servers)
        kubeconfig = next(filter(None, found), None)
        return Installed(planned, confirmed=True, kubeconfig=kubeconfig, lost=walk.lost)
    finally:
        grip.release()


def _check_lead(world: World) -> None:
    """Nodes alone can only join what is up already, and nobody begins what may be there."""
    lead = world.lead.name
    if has_state(world.facts[lead]):
        return
    if lead in world.bystanders:
        raise Refused(
            f"{lead} is not up yet, so nothing can join it",
            where=lead,
            hint=f"let {lead} take part in --limit",
        )
    away = [node.name for node in world.cluster.away if node.role is Role.SERVER]
    if away:
        raise Refused(
            f"no server that is there has been up, and {', '.join(away)} may hold the cluster",
            where=lead,
            hint="switch it on, so that no second cluster is begun",
            error_id="second-cluster",
        )


def _observed_again(world: World, names: frozenset[str], walk: Walk) -> World:
    """The world after some hosts were booted anew; what the reboot did not mend is an error."""
    present = {node.name for node in world.cluster.nodes}
    facts, errors = walk.grip.take(sorted(names & present))
    world = walk.without_lost(world.with_facts(facts), errors)
    errors = refusals(_examined_plan(world).findings, "it has been rebooted, K3s was not installed")
    for node in world.cluster.nodes:
        if node.name in names and any(isinstance(s, Reboot) for s in prepare_steps(world, node)):
            errors[node.name] = StepFailed(
                "the reboot did not change what it should have",
                where=node.name,
                hint="`edgeboot preflight` says what is missing; another kernel may be needed",
            )
    if errors:
        raise FleetError(errors)
    return world


def _with_token(world: World, walk: Walk) -> World:
    """The world after the servers' token was changed, if it was: it lies on the server now."""
    place = world.token_place
    if place in walk.lost:
        raise FleetError({place: walk.lost[place]})
    if place is not None:
        facts, errors = on_all((place,), walk.grip.look)
        if errors:
            raise FleetError(errors)
        world = world.with_facts(facts)
    return replace(world, terms=replace(world.terms, new_server_token=False))


def _check_supplies(supplies: Supplies, planned: Plan, tell: Listener) -> None:
    """A bundle that was damaged on its way is found before the first host is changed."""
    if any(isinstance(step, Upload) for _, step in planned.steps):
        tell(Note("checking the bundle"))
        supplies.check()


def _world(
    cluster: Cluster,
    supplies: Supplies,
    facts: Mapping[str, Facts],
    terms: Terms,
    bystanders: frozenset[str],
) -> World:
    # The short form of a token: 32 hexadecimal digits, as K3s itself generates.
    fresh_token, fresh_agent_token = (Secret(secrets.token_hex(16).encode()) for _ in range(2))
    return World(
        cluster,
        supplies,
        facts,
        fresh_token,
        terms=terms,
        bystanders=bystanders,
        fresh_agent_token=fresh_agent_token,
    )


def _examined_plan(world: World) -> Plan:
    planned = plan(phases(world), world)
    steps = {node.name: planned.steps_of(node.name) for node in world.cluster.nodes}
    contents = world.supplies.contents
    found = examine(world.cluster, world.facts, contents, world.terms, steps)
    found = {name: some for name, some in found.items() if name not in world.bystanders}
    notes = {node.name: node.host.chosen for node in world.cluster.nodes if node.host.chosen}
    return replace(planned, findings=found, notes=notes)


def _checked_plan(world: World) -> Plan:
    planned = _examined_plan(world)
    errors = refusals(planned.findings)
    if not world.supplies.allow_older:
        errors = _steps_back(world) | errors
    errors.update(of_other_clusters(world.cluster, world.facts))
    if errors:
        raise FleetError(errors)
    return planned


def _steps_back(world: World) -> dict[str, EdgebootError]:
    """An error for each host that has had a newer bundle than this."""
    found = {
        name: age_objections(facts, world.supplies.contents)
        for name, facts in world.facts.items()
        if name not in world.bystanders
    }
    return {
        name: Refused(
            "; ".join(reasons),
            where=name,
            hint="take a newer bundle, or insist with --allow-older; nothing was changed",
            error_id="bundle-older",
        )
        for name, reasons in found.items()
        if reasons
    }
