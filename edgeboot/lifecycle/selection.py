"""Which hosts a run is about: ``--limit``, and what goes on without hosts that are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from edgeboot.errors import BadInput, EdgebootError, Unreachable
from edgeboot.inventory.model import Cluster


@dataclass(frozen=True)
class Selection:
    """A cluster of fewer nodes; ``read_only`` among them are read only, for others' sake."""

    cluster: Cluster
    read_only: frozenset[str] = frozenset()


def limited(cluster: Cluster, words: Sequence[str]) -> Selection:
    """The part of a cluster that ``words`` name: nodes, groups, or a role.

    Servers always stay, read-only where they are not named: others join with what they know,
    and they alone see whether those did. ``BadInput`` for a word that names nothing.
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
                f"--limit: there is no node, group or role {word!r}",
                where=cluster.where,
                hint=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}",
            )
    chosen = set().union(*(known[word] for word in words))
    servers = {server.name for server in cluster.servers}
    rest = {node.name for node in cluster.nodes} - chosen - servers
    return Selection(cluster.without(rest), frozenset(servers - chosen))


def without(cluster: Cluster, lost: Mapping[str, EdgebootError]) -> Cluster:
    """A cluster without the nodes that are off; ``Unreachable`` where it cannot do without one."""
    rest = cluster.without(lost.keys())
    servers = [server.name for server in cluster.every_server]
    needed = len(servers) // 2 + 1
    if len(rest.servers) < needed:
        first = next(name for name in servers if name in lost)
        several = f"of {len(servers)} servers {needed} have to be there: "
        raise Unreachable(
            f"{several if len(servers) > 1 else 'the first server cannot be left out: '}"
            f"{lost[first].what}",
            where=first,
            hint="the others join it and it alone sees them; switch it on"
            if len(servers) == 1
            else "the cluster has no quorum without it; switch it on",
        )
    return rest
