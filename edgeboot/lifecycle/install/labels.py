"""Labels and taints that K3s does not take off, and taints that it does not put on again."""

from __future__ import annotations

from edgeboot.components.cluster.applied_labels import applied_labels_of, dump, is_pending, wanted
from edgeboot.components.context import AppliedLabels, service_of
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.plan import paths
from edgeboot.plan.cluster import ApplyLabels
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Step, Write


def marking_steps(state: ClusterState, server: Node) -> tuple[Step, ...]:
    """On one server: what has to be done to Node objects so that they are as the inventory says."""
    if server.name != marker(state):
        return ()
    return tuple(_marking(node, _applied_labels(state, node)) for node in _pending(state))


def remembering_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """On a node, after that: it remembers what is set now, and that no more is to be done."""
    if marker(state) is None or node not in _pending(state):
        return ()
    content = text(dump(wanted(node)))
    return (Write(paths.NODE_RECORD, content, 0o600, replaces=True),)


def marker(state: ClusterState) -> str | None:
    """The server on which it is done: one that takes part, since a read-only one is not changed."""
    servers = (state.lead, *state.cluster.servers)
    return next((s.name for s in servers if s.name not in state.read_only), None)


def _pending(state: ClusterState) -> tuple[Node, ...]:
    return tuple(
        node
        for node in state.cluster.nodes
        if node.name not in state.read_only and is_pending(_applied_labels(state, node), node)
    )


def _applied_labels(state: ClusterState, node: Node) -> AppliedLabels:
    return applied_labels_of(state.facts[node.name], service_of(node.role))


def _marking(node: Node, applied_labels: AppliedLabels) -> ApplyLabels:
    now = wanted(node)
    # A taint is known by key and effect; one with another value is replaced.
    kept = {_without_value(taint) for taint in now.taints}
    return ApplyLabels(
        node.name,
        remove_labels=tuple(sorted(applied_labels.labels - now.labels)),
        remove_taints=tuple(sorted({_without_value(t) for t in applied_labels.taints} - kept)),
        taints=tuple(sorted(now.taints)),
    )


def _without_value(taint: str) -> str:
    key, _, effect = taint.rpartition(":")
    return f"{key.partition('=')[0]}:{effect}"
