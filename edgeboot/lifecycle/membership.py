"""The Nodes that the cluster knows, and those among them that the inventory does not name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from edgeboot.checks.base import is_alive
from edgeboot.checks.identity import runs_as
from edgeboot.inventory.model import Cluster, Role
from edgeboot.kube.api import ApiError
from edgeboot.kube.reading import registered_nodes
from edgeboot.lifecycle.joining import lead_server
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import NodeState
from edgeboot.plan.plan import Remark
from edgeboot.transport.base import Transport


@dataclass(frozen=True)
class Registered:
    """Node objects by name; None where there is no cluster yet, or its API does not answer.

    ``why`` is then what the API said; empty if there was nobody to ask.
    """

    nodes: Mapping[str, NodeState] | None = None
    why: str = ""


NOBODY = Registered()


def ask(
    cluster: Cluster, facts: Mapping[str, Facts], transports: Mapping[str, Transport]
) -> Registered:
    """What the first server says whose API answers; one ``kubectl`` if it forwards nothing.

    ``Unreachable`` if that server is lost meanwhile.
    """
    complaints = []
    first = lead_server(cluster, facts)
    for name in dict.fromkeys((first.name, *(server.name for server in cluster.servers))):
        seen = facts.get(name)
        if seen is None or seen.kubeconfig is None or not is_alive(seen, Role.SERVER):
            continue
        try:
            return Registered(registered_nodes(transports[name], seen.kubeconfig))
        except ApiError as error:
            complaints.append(f"{name}: {error.what}")
    return Registered(why="; ".join(complaints))


def running_as(facts: Mapping[str, Facts]) -> frozenset[str]:
    """The Nodes that hosts are."""
    return frozenset(filter(None, map(runs_as, facts.values())))


def remarks(cluster: Cluster, running: Collection[str], found: Registered) -> tuple[Remark, ...]:
    """Each Node that the inventory does not name, except those its hosts are ``running`` as."""
    if found.nodes is None:
        if not found.why:
            return ()
        what = f"cannot tell whether the cluster has other nodes: {found.why}"
        hint = "run `edgeboot status` to see why"
        return (Remark("", what, hint, error_id="unlisted-node"),)
    return tuple(
        Remark(
            state.name,
            describe(state),
            how_to_remove(cluster, state.name),
            error_id="unlisted-node",
        )
        for state in unlisted(cluster, found.nodes.values())
        if state.name not in running
    )


def unlisted(cluster: Cluster, nodes: Collection[NodeState]) -> Iterator[NodeState]:
    """The Nodes that the inventory does not name, those of other runs included."""
    names = {node.name for node in cluster.every_node}
    return (state for state in nodes if state.name not in names)


def describe(state: NodeState) -> str:
    """What is to be said about such a Node."""
    ready = "Ready" if state.ready else "not Ready"
    where = f", {state.addresses[0]}" if state.addresses else ""
    return f"it is in the cluster ({ready}{where}), but not in the inventory"


def how_to_remove(cluster: Cluster, name: str) -> str:
    """The next step for a Node that the inventory does not name."""
    server = cluster.every_server[0].name
    return (
        f"add it to the inventory again, run `edgeboot reset --limit {name}`, and remove its "
        f"entry; if its host is gone: `edgeboot ssh {server} sudo k3s kubectl delete node {name}`"
    )
