"""Labels and taints that K3s does not take off, and taints that it does not put on again."""

from __future__ import annotations

from edgeboot.components.cluster.applied_labels import dump, is_pending, marks_of, wanted
from edgeboot.components.context import Marks, service_of
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.cluster_state import World
from edgeboot.plan import paths
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Run, Step, Write


def marking_steps(world: World, server: Node) -> tuple[Step, ...]:
    """On one server: what has to be done to Node objects so that they are as the inventory says."""
    if server.name != marker(world):
        return ()
    return tuple(_marking(node, _marks(world, node)) for node in _pending(world))


def remembering_steps(world: World, node: Node) -> tuple[Step, ...]:
    """On a node, after that: it remembers what is set now, and that no more is to be done."""
    if marker(world) is None or node not in _pending(world):
        return ()
    content = text(dump(wanted(node)))
    return (Write(paths.NODE_RECORD, content, 0o600, replaces=True),)


def marker(world: World) -> str | None:
    """The server on which it is done: one that takes part, since a bystander is not changed."""
    servers = (world.lead, *world.cluster.servers)
    return next((s.name for s in servers if s.name not in world.bystanders), None)


def _pending(world: World) -> tuple[Node, ...]:
    return tuple(
        node
        for node in world.cluster.nodes
        if node.name not in world.bystanders and is_pending(_marks(world, node), node)
    )


def _marks(world: World, node: Node) -> Marks:
    return marks_of(world.facts[node.name], service_of(node.role))


def _marking(node: Node, marks: Marks) -> Run:
    now = wanted(node)
    # A taint is known by key and effect; one with another value is replaced.
    kept = {_without_value(taint) for taint in now.taints}
    labels = sorted(marks.labels - now.labels)
    gone = sorted({_without_value(taint) for taint in marks.taints} - kept)
    added = sorted(now.taints)
    words = (
        *(f"unlabel:{key}" for key in labels),
        *(f"untaint:{taint}" for taint in gone),
        *(f"taint:{taint}" for taint in added),
    )
    said = (
        *(f"-{key}" for key in labels),
        *(f"-{taint}" for taint in gone),
        *(f"+{taint}" for taint in added),
    )
    return Run(
        "mark-node",
        (node.name, *words),
        f"set the labels and taints of node {node.name}: {' '.join(said) or 'as they are'}",
    )


def _without_value(taint: str) -> str:
    key, _, effect = taint.rpartition(":")
    return f"{key.partition('=')[0]}:{effect}"
