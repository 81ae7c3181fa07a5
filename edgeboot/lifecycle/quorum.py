"""Embedded etcd's quorum: which servers can be spared, and when a new one can join.

Without a majority of its voters etcd commits nothing. It admits a learner only while every voter is
up, and one at a time (etcd, server/etcdserver: mayAddMember). Members are the nodes with K3s's
condition ``EtcdIsVoter``, including those no longer in the inventory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgeboot.inventory.model import Cluster, DatastoreKind
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.lifecycle.joining import has_state
from edgeboot.plan.health import NodeState, answering


def majority(members: int) -> int:
    """How many of them must be up."""
    return members // 2 + 1


def servers_needed(cluster: Cluster) -> int:
    """How many servers must be up: all on SQLite, a majority on etcd, else one."""
    servers = len(cluster.every_server)
    needed = {DatastoreKind.SQLITE: servers, DatastoreKind.ETCD: majority(servers)}
    return needed.get(cluster.datastore.kind, 1)


def can_spare(state: ClusterState, names: Collection[str]) -> bool:
    """Whether the cluster keeps working, and can be observed, while these nodes are away."""
    servers = state.cluster.every_server
    if not {server.name for server in servers} & set(names):
        return True
    there = [s.name for s in state.cluster.servers if s.name not in names]
    up = [name for name in there if name in state.facts and has_state(state.facts[name])]
    return len(up) >= servers_needed(state.cluster)


def spared(state: ClusterState, names: Collection[str]) -> ClusterState | None:
    """The state without these nodes; None where the cluster cannot do without one."""
    return state.without(names) if can_spare(state, names) else None


def members(state: ClusterState) -> Mapping[str, NodeState] | None:
    """The members of etcd as a server sees them; None if no API answers."""
    name = answering((server.name for server in state.cluster.servers), state.statuses)
    if name is None:
        return None
    nodes = state.statuses[name].nodes or {}
    return {n: member for n, member in nodes.items() if member.voter is not None}


def why_not_stop(state: ClusterState, name: str) -> str | None:
    """Why a server must not be stopped now; None if the others keep working without it."""
    found = members(state)
    if found is None or name not in found or not _is_well(state, found[name]):
        return None  # it is not working anyway
    others = [member for other, member in found.items() if other != name]
    well = [member for member in others if _is_well(state, member)]
    # Two servers need each other: both must be well, and the pause is short.
    needed = majority(len(found)) if len(found) > 2 else len(others)
    if len(well) >= needed:
        return None
    away = ", ".join(member.name for member in others if member not in well)
    return (
        f"restarting it would cost the cluster its quorum: {majority(len(found))} of "
        f"{len(found)} servers must be up, and {away} is down"
    )


def why_not_join(state: ClusterState, name: str) -> str | None:
    """Why etcd would keep a new server waiting; None if it admits it."""
    found = members(state)
    if found is None:
        return "no server's API answers, so it cannot join yet"
    for other, member in found.items():
        if other != name and not _is_well(state, member):
            what = "is still joining" if member.ready else "is down"
            return f"etcd admits no new member while {other} {what}"
    return None


def _is_well(state: ClusterState, member: NodeState) -> bool:
    """Ready is not enough: the cluster takes a while to notice that a node is down."""
    status = state.statuses.get(member.name)
    return member.ready and member.voter is True and (status is None or status.api_ready)
