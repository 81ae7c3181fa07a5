"""What ``verify`` holds the hosts against: the same resources that ``install`` puts there."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.components.context import service_of
from edgeboot.engine.fleet import require_all
from edgeboot.engine.observe import observe
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.world import Supplies, World
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport
from edgeboot.verify.budgets import effective
from edgeboot.verify.subject import Expectation, expected_files


def expectations(
    cluster: Cluster, supplies: Supplies, transports: Mapping[str, Transport]
) -> tuple[Expectation, ...]:
    """What each node should be, the first server first; reads every host once."""
    facts = require_all(transports, lambda name: observe(transports[name]))
    world = World(cluster, supplies, facts, Secret(b""))
    return tuple(_expectation(world, node) for node in (*cluster.servers, *cluster.agents))


def _expectation(world: World, node: Node) -> Expectation:
    return Expectation(
        node=node.name,
        role=node.role,
        service=service_of(node.role),
        version=world.supplies.contents.k3s_version,
        files=expected_files((*world.host_resources(node), *world.resources(node))),
        images=world.expected_images(node),
        budget=effective(node.role, node.budget),
    )
