"""From bare hosts to a running cluster, and every later change to match the inventory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from edgeboot.components.host.firewall import opened
from edgeboot.components.host.observed import targets_of
from edgeboot.engine.fleet import FleetError, on_all
from edgeboot.engine.host_sessions import DEFAULT_POLICY, HostSessions, RunPolicy
from edgeboot.engine.phase_runner import PhaseRunner
from edgeboot.errors import EdgebootError, Refused, StepFailed, Unreachable
from edgeboot.events import Listener, Note
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.cluster_state import BundleView, ClusterState
from edgeboot.lifecycle.install.age import age_objections
from edgeboot.lifecycle.install.cluster_identity import of_other_clusters
from edgeboot.lifecycle.install.naming import new_hosts_in_renamed, renaming
from edgeboot.lifecycle.install.prepare import prepare_steps, rebooted
from edgeboot.lifecycle.install.rotation import check_rotation
from edgeboot.lifecycle.install.sequence import PREPARE, first_phases, later_phases, phases
from edgeboot.lifecycle.joining import has_state
from edgeboot.lifecycle.membership import ask, remarks, running_as
from edgeboot.lifecycle.preflight import Preflight, examine, observe_all, refusals
from edgeboot.lifecycle.quorum import spared
from edgeboot.lifecycle.watch import ServiceWatch
from edgeboot.plan.facts import Facts
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.options import DEFAULT_OPTIONS, InstallOptions
from edgeboot.plan.phases import plan
from edgeboot.plan.plan import Plan
from edgeboot.plan.steps import Reboot, Upload
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport

Runner = PhaseRunner[ClusterState, Node]


@dataclass(frozen=True)
class Installed:
    """How an installation ended: what was done, and the administrator's kubeconfig."""

    plan: Plan
    confirmed: bool
    kubeconfig: Secret | None
    lost: Mapping[str, EdgebootError] = field(default_factory=dict)  # skipped: unreachable


def preflight(
    cluster: Cluster,
    bundle: BundleView | None,
    transports: Mapping[str, Transport],
    options: InstallOptions,
    policy: RunPolicy = DEFAULT_POLICY,
) -> Preflight:
    """Examines the hosts and changes nothing; without a bundle, some checks stay unknown."""
    cluster = _as_asked(cluster, options)
    facts = observe_all(cluster, transports, workers=policy.parallel)
    registered = ask(cluster, facts, transports)
    if bundle is None:
        return Preflight(examine(cluster, facts, None, options, {}, registered))
    state = _state(cluster, bundle, facts, options, policy.read_only)
    state = replace(state, registered=registered)
    found = dict(_examined_plan(state).findings)
    for name, error in _strangers(state).items():
        one = Finding("preflight.node", Severity.REFUSE, error.what, error.hint or "")
        found[name] = (*found.get(name, ()), one)
    return Preflight(found)


def make_plan(
    cluster: Cluster,
    bundle: BundleView,
    transports: Mapping[str, Transport],
    options: InstallOptions = DEFAULT_OPTIONS,
    policy: RunPolicy = DEFAULT_POLICY,
) -> Plan:
    """What ``install`` would do; reads every host once and changes nothing.

    ``Refused`` lists every reason against it, on all hosts.
    """
    facts = observe_all(cluster, transports, workers=policy.parallel)
    state = _state(cluster, bundle, facts, options, policy.read_only)
    state = replace(state, registered=ask(cluster, facts, transports))
    _check_lead(state)
    check_rotation(state)
    return _checked_plan(state)


def install(
    cluster: Cluster,
    bundle: BundleView,
    transports: Mapping[str, Transport],
    *,
    confirm: Callable[[Plan], bool],
    tell: Listener,
    patience: float,
    options: InstallOptions = DEFAULT_OPTIONS,
    policy: RunPolicy = DEFAULT_POLICY,
) -> Installed:
    """Makes the hosts match the inventory, and waits until the cluster is healthy.

    Every host that is not read-only is locked from before it is observed until the end. ``confirm``
    gets the plan before anything is changed. ``patience`` in seconds bounds each gate.
    """
    sessions = HostSessions(transports, policy, tell, targets_of(cluster))
    try:
        facts, errors = sessions.take(node.name for node in cluster.nodes)
        runner = Runner(sessions, ServiceWatch(), tell, patience, spared)
        state = _state(cluster, bundle, facts, options, policy.read_only)
        state = runner.without_lost(state, errors)
        state = _with_registered(state, runner)
        _check_lead(state)
        check_rotation(state)
        planned = _checked_plan(state)
        if not planned.empty and not confirm(planned):
            return Installed(planned, confirmed=False, kubeconfig=None)
        _check_bundle(bundle, planned, tell)
        state = runner.run((PREPARE,), state)
        if again := rebooted(planned):
            # Their locks ended with the reboot, and their facts may have changed.
            state = _observed_again(state, again, runner)
        state = _with_token(runner.run(first_phases(state), state), runner)
        state = runner.run(later_phases(state), state)
        found = (state.statuses[server.name].kubeconfig for server in state.cluster.servers)
        kubeconfig = next(filter(None, found), None)
        return Installed(planned, confirmed=True, kubeconfig=kubeconfig, lost=runner.lost)
    finally:
        sessions.release()


def _with_registered(state: ClusterState, runner: Runner) -> ClusterState:
    """The state with the Nodes that the cluster knows; reconnects to a server that is lost."""
    sessions = runner.sessions
    for _ in range(sessions.policy.attempts):
        try:
            found = ask(state.cluster, state.facts, sessions.transports)
            return replace(state, registered=found)
        except Unreachable as error:
            name = error.where or state.lead.name
            facts, errors = on_all((name,), partial(sessions.back, error=error))
            state = runner.without_lost(state.with_facts(facts), errors)
    return state


def _check_lead(state: ClusterState) -> None:
    """Nodes can only join a server that has been up; a second cluster must never begin."""
    lead = state.lead.name
    if has_state(state.facts[lead]):
        return
    if lead in state.read_only:
        raise Refused(
            f"{lead} is not installed yet, so no node can join it",
            where=lead,
            hint=f"include {lead} in --limit",
        )
    away = [node.name for node in state.cluster.away if node.role is Role.SERVER]
    if away:
        raise Refused(
            f"no reachable server has been in a cluster, but {', '.join(away)} may have been",
            where=lead,
            hint="turn it on, so that the install does not begin a second cluster",
            error_id="second-cluster",
        )


def _observed_again(state: ClusterState, names: frozenset[str], runner: Runner) -> ClusterState:
    """The state after some hosts rebooted; what the reboot did not fix is an error."""
    present = {node.name for node in state.cluster.nodes}
    facts, errors = runner.sessions.take(sorted(names & present))
    state = runner.without_lost(state.with_facts(facts), errors)
    errors = refusals(
        _examined_plan(state).findings, "the host was rebooted, but K3s was not installed"
    )
    for node in state.cluster.nodes:
        if node.name in names and any(isinstance(s, Reboot) for s in prepare_steps(state, node)):
            errors[node.name] = StepFailed(
                "the reboot did not have the expected effect",
                where=node.name,
                hint="run `edgeboot preflight` to see what is missing; the host may need another "
                "kernel",
            )
    if errors:
        raise FleetError(errors)
    return state


def _with_token(state: ClusterState, runner: Runner) -> ClusterState:
    """The state after the servers' token was rotated, if it was: the server has the new one."""
    place = state.token_place
    if place in runner.lost:
        raise FleetError({place: runner.lost[place]})
    if place is not None:
        facts, errors = on_all((place,), runner.sessions.look)
        if errors:
            raise FleetError(errors)
        state = state.with_facts(facts)
    return replace(state, options=replace(state.options, new_server_token=False))


def _check_bundle(bundle: BundleView, planned: Plan, tell: Listener) -> None:
    """Finds a damaged bundle before the first host is changed."""
    if any(isinstance(step, Upload) for _, step in planned.steps):
        tell(Note("checking the bundle"))
        bundle.check()


def _state(
    cluster: Cluster,
    bundle: BundleView,
    facts: Mapping[str, Facts],
    options: InstallOptions,
    read_only: frozenset[str],
) -> ClusterState:
    # The short form of a token: 32 hexadecimal digits, as K3s itself generates.
    fresh_token, fresh_agent_token = (Secret(secrets.token_hex(16).encode()) for _ in range(2))
    return ClusterState(
        _as_asked(cluster, options),
        bundle,
        facts,
        fresh_token,
        options=options,
        read_only=read_only,
        fresh_agent_token=fresh_agent_token,
    )


def _as_asked(cluster: Cluster, options: InstallOptions) -> Cluster:
    return opened(cluster) if options.open_firewall else cluster


def _examined_plan(state: ClusterState) -> Plan:
    planned = plan(phases(state), state)
    steps = {node.name: planned.steps_of(node.name) for node in state.cluster.nodes}
    contents = state.bundle.contents
    found = examine(state.cluster, state.facts, contents, state.options, steps, state.registered)
    found = {name: some for name, some in found.items() if name not in state.read_only}
    notes = {node.name: node.host.chosen for node in state.cluster.nodes if node.host.chosen}
    said = remarks(state.cluster, running_as(state.facts), state.registered)
    said = (*renaming(state), *said)
    roles = {node.name: node.role.value for node in state.cluster.nodes}
    return replace(planned, findings=found, notes=notes, remarks=said, roles=roles)


def _checked_plan(state: ClusterState) -> Plan:
    planned = _examined_plan(state)
    errors = refusals(planned.findings)
    if not state.bundle.allow_older:
        errors = _steps_back(state) | errors
    errors.update(_strangers(state))
    if errors:
        raise FleetError(errors)
    return planned


def _strangers(state: ClusterState) -> dict[str, Refused]:
    """An error for each host that belongs to another cluster, or seems to."""
    return {
        **new_hosts_in_renamed(state),
        **of_other_clusters(state.cluster, state.facts),
    }


def _steps_back(state: ClusterState) -> dict[str, EdgebootError]:
    """An error for each host that was installed from a newer bundle."""
    found = {
        name: age_objections(facts, state.bundle.contents)
        for name, facts in state.facts.items()
        if name not in state.read_only
    }
    return {
        name: Refused(
            "; ".join(reasons),
            where=name,
            hint="use a newer bundle, or pass --allow-older; nothing was changed",
            error_id="bundle-older",
        )
        for name, reasons in found.items()
        if reasons
    }
