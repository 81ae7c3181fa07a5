"""Which hosts a run is about: ``--limit``, and what goes on without hosts that are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from edgeboot.errors import BadInput, EdgebootError, Unreachable
from edgeboot.inventory.model import Cluster


@dataclass(frozen=True)
class Selection:
    """A cluster of fewer nodes; ``bystanders`` among them are read only, for others' sake."""

    cluster: Cluster
    bystanders: frozenset[str] = frozenset()


def limited(cluster: Cluster, words: Sequence[str]) -> Selection:
    """The part of a cluster that ``words`` name: nodes, groups, or a role.

    The first server always stays, as a bystander where it is not named: agents join with what it
    knows, and it alone sees whether they did. ``BadInput`` for a word that names nothing.
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
    first = cluster.servers[0].name
    nodes = tuple(n for n in cluster.nodes if n.name in chosen or n.name == first)
    return Selection(replace(cluster, nodes=nodes), frozenset({first}) - chosen)


def without(cluster: Cluster, lost: Mapping[str, EdgebootError]) -> Cluster:
    """A cluster without the nodes that are off; ``Unreachable`` where it cannot do without one."""
    first = cluster.servers[0].name
    if first in lost:
        raise Unreachable(
            f"the first server cannot be left out: {lost[first].what}",
            where=first,
            hint="the others join it and it alone sees them; switch it on",
        )
    return replace(cluster, nodes=tuple(n for n in cluster.nodes if n.name not in lost))
