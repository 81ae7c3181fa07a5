"""Where operators' hooks have their turn among the phases of an installation."""

from __future__ import annotations

from collections.abc import Callable

from edgeboot.components.host import files
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.plan.diff import diff
from edgeboot.plan.steps import Step

Steps = Callable[[ClusterState, Node], tuple[Step, ...]]
Moment = tuple[str, bool]  # a stage, and whether it is over


def hook_steps(state: ClusterState, node: Node, *moments: Moment) -> tuple[Step, ...]:
    """The hooks of some moments that have not run as they are now written."""
    actions = [a for stage, after in moments for a in files.hooks(node, stage, after=after)]
    return diff(actions, state.facts[node.name])


def around(steps: Steps, before: tuple[Moment, ...] = (), after: tuple[Moment, ...] = ()) -> Steps:
    """A phase's steps with hooks before and after them."""

    def with_hooks(state: ClusterState, node: Node) -> tuple[Step, ...]:
        return (
            *hook_steps(state, node, *before),
            *steps(state, node),
            *hook_steps(state, node, *after),
        )

    return with_hooks
