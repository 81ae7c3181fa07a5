"""How each node joins, from facts: which server begins the cluster, which node joins where.

K3s uses that configuration only once: a server with etcd data ignores it, and an agent that has
joined knows all servers. So a node that has joined keeps its configuration, and a server that was
down for a while causes no restarts.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.checks.base import is_alive
from edgeboot.components.context import JoinConfig, service_of
from edgeboot.components.k3s.base import join_config_of as usual_join
from edgeboot.components.k3s.base import url_at, url_of
from edgeboot.components.k3s.config_file import read, words
from edgeboot.inventory.model import Cluster, DatastoreKind, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts


def is_member(facts: Facts) -> bool:
    """Whether a host has data of embedded etcd and was not removed from its cluster."""
    return paths.ETCD_DATA in facts.files and paths.TOMBSTONE not in facts.files


def has_state(facts: Facts) -> bool:
    """Whether a server has been up, so that others can join its cluster."""
    return facts.node_token is not None or is_member(facts)


def has_joined(facts: Facts) -> bool:
    """Whether an agent has joined: only then K3s reports that it is active."""
    unit = facts.units.get(service_of(Role.AGENT))
    return unit is not None and unit.active == "active"


def lead_server(cluster: Cluster, facts: Mapping[str, Facts]) -> Node:
    """The server that others join: one that runs, else one that has been up, else the first one."""

    def rank(server: Node) -> tuple[bool, bool]:
        has = server.name in facts and has_state(facts[server.name])
        return (not has, not (has and is_alive(facts[server.name], Role.SERVER)))

    return min(cluster.servers, key=rank)  # the inventory's order decides among equals


def join_config_of(cluster: Cluster, node: Node, facts: Mapping[str, Facts]) -> JoinConfig:
    """How this node joins, or joined."""
    if node.role is Role.AGENT:
        return JoinConfig(url=_agent_url(cluster, facts, facts[node.name]))
    if cluster.datastore.kind is not DatastoreKind.ETCD:
        return JoinConfig()
    own = facts[node.name]
    said = read(own) or {}
    if is_member(own):
        if joined := words(said, "server"):
            return JoinConfig(url=joined[0])
        return JoinConfig(begins=True) if "cluster-init" in said else usual_join(cluster, node)
    lead = lead_server(cluster, facts)
    # Even if the inventory's first server has lost its data: it would begin a second cluster.
    return JoinConfig(begins=True) if lead == node else JoinConfig(url=url_of(lead))


def _agent_url(cluster: Cluster, facts: Mapping[str, Facts], own: Facts) -> str:
    if cluster.vip:
        return url_at(cluster.vip)
    said = next(iter(words(read(own), "server")), "")
    if said in map(url_of, cluster.every_server) and has_joined(own):
        return said
    return url_of(lead_server(cluster, facts))
