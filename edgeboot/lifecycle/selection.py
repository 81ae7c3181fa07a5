"""Which hosts take part in a run: ``--limit``, and ``--skip-unreachable``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from edgeboot.errors import BadInput, EdgebootError, Unreachable
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.quorum import servers_needed


@dataclass(frozen=True)
class Selection:
    """The part of a cluster that takes part; ``read_only`` nodes are read but never changed."""

    cluster: Cluster
    read_only: frozenset[str] = frozenset()


def limited(cluster: Cluster, words: Sequence[str]) -> Selection:
    """The part of a cluster that ``words`` name: nodes, groups, or roles.

    Servers always stay, read-only unless named: other nodes join with their token, and only they
    see whether that worked. ``BadInput`` for an unknown word.
    """
    if not words:
        return Selection(cluster)
    known = {node.name: {node.name} for node in cluster.nodes}
    for node in cluster.nodes:
        for name in (*node.groups, node.role.value):
            known.setdefault(name, set()).add(node.name)
    for word in words:
        if word not in known:
            near = get_close_matches(word, known, n=1)
            raise BadInput(
                f"--limit: no such node, group, or role: {word!r}",
                where=cluster.where,
                hint=f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}",
            )
    chosen = set().union(*(known[word] for word in words))
    servers = {server.name for server in cluster.servers}
    rest = {node.name for node in cluster.nodes} - chosen - servers
    return Selection(cluster.without(rest), frozenset(servers - chosen))


def can_continue(cluster: Cluster, lost: Collection[str]) -> bool:
    """Whether a run can continue without some nodes: enough servers are left."""
    return len(cluster.without(lost).servers) >= servers_needed(cluster)


def without(cluster: Cluster, lost: Mapping[str, EdgebootError]) -> Cluster:
    """A cluster without unreachable nodes; ``Unreachable`` if one of them cannot be spared."""
    rest = cluster.without(lost.keys())
    servers = [server.name for server in cluster.every_server]
    if not can_continue(cluster, lost.keys()):
        first = next(name for name in servers if name in lost)
        several = f"{servers_needed(cluster)} of {len(servers)} servers must be reachable: "
        raise Unreachable(
            f"{several if len(servers) > 1 else 'the only server cannot be skipped: '}"
            f"{lost[first].what}",
            where=first,
            hint="turn it on or restore its connection, then rerun",
        )
    return rest
