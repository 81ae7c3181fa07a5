"""Which Node goes with a host that is reset: its own, and never that of a host that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.checks.identity import is_other_host, runs_as
from edgeboot.errors import Refused
from edgeboot.inventory.model import Cluster, Node
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import NodeState


@dataclass(frozen=True)
class Departure:
    """The nodes that go, the facts of all hosts involved, and the Nodes that the cluster knows."""

    cluster: Cluster
    going: tuple[Node, ...]
    facts: Mapping[str, Facts]
    known: Mapping[str, NodeState]

    def node_of(self, node: Node) -> str:
        """The name of the Node to delete; empty if another host is that Node, and stays."""
        name = runs_as(self.facts[node.name]) or node.name
        stays = self._is_elsewhere(node) if name == node.name else self._stays(node, name)
        return "" if stays else name

    def objection(self, node: Node) -> Refused | None:
        """Why the host is not to be reset as this node; None if nothing speaks against it."""
        name = runs_as(self.facts[node.name])
        if name is not None and self._stays(node, name):
            what, names = f"this host runs as {name}, which stays", f"es of {node.name} and {name}"
        elif name is None and self._is_elsewhere(node):
            addresses = self.known[node.name].addresses
            where = f" at {addresses[0]}" if addresses else ""
            what, names = f"another host{where} works as {node.name}", f" of {node.name}"
        else:
            return None
        return Refused(
            what,
            where=node.name,
            hint=f"correct the address{names} in the inventory; to remove what is on this host, "
            "and no Node, add --foreign; nothing was changed on any host",
            error_id="other-node",
        )

    def _stays(self, node: Node, name: str) -> bool:
        """Whether the inventory has the Node as another one that is not reset."""
        if name == node.name:
            return False
        return any(n.name == name and n not in self.going for n in self.cluster.every_node)

    def _is_elsewhere(self, node: Node) -> bool:
        """Whether another host works as this node: deleting its Node would stop it."""
        facts, found = self.facts[node.name], self.known.get(node.name)
        if found is None or not found.ready:
            return False
        ours = runs_as(facts) == node.name and not self._is_of_another_cluster(facts)
        return not ours and is_other_host(found, facts.traits.machine_id)

    def _is_of_another_cluster(self, facts: Facts) -> bool:
        own = facts.files.get(paths.SERVER_CA)
        staying = (self.facts[s.name] for s in self.cluster.servers if s not in self.going)
        theirs = {f.files[paths.SERVER_CA].sha256 for f in staying if paths.SERVER_CA in f.files}
        return own is not None and bool(theirs) and own.sha256 not in theirs
