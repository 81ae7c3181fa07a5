"""Whether a host belongs to another cluster: from facts, before anything is written.

A full token is ``K10`` and the SHA-256 of the cluster's CA certificate as it stands (for the
self-signed one that K3s makes), and an agent keeps that very file (K3s, pkg/clientaccess).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgeboot.errors import Refused
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.install.naming import recorded
from edgeboot.lifecycle.joining import lead_server
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts

_CA_HASH = re.compile(rb"K10([0-9a-f]{64})::")


def of_other_clusters(cluster: Cluster, facts: Mapping[str, Facts]) -> dict[str, Refused]:
    """An error for each node with the CA of another cluster than the lead server's.

    Before the lead server has a cluster, every agent with a CA belongs to another one. A CA that
    the operator supplied is a bundle with another kind of hash: then there is no error.
    """
    first = lead_server(cluster, facts).name
    token = facts[first].node_token
    found = _CA_HASH.match(token.value) if token else None
    if token and not found:
        return {}
    ours = found[1].decode() if found else None
    own = facts[first].files.get(paths.SERVER_CA)
    if ours and own and own.sha256 and own.sha256 != ours:
        return {}
    strangers = {
        node.name: _refusal(node.name, first, ca.sha256, ours, facts)
        for node in cluster.agents
        if (ca := facts[node.name].files.get(paths.SERVER_CA)) and ca.sha256 != ours
    }
    for node in cluster.servers:
        theirs = facts[node.name].node_token
        found = _CA_HASH.match(theirs.value) if theirs else None
        if ours and found and found[1].decode() != ours:
            strangers[node.name] = _refusal(node.name, first, found[1].decode(), ours, facts)
    return strangers


def _refusal(
    node: str, first: str, theirs: str, ours: str | None, facts: Mapping[str, Facts]
) -> Refused:
    name = recorded(facts[node])
    other = f"another cluster ({name})" if name else "another cluster"
    state = f"{first} has {ours[:12]}…" if ours else f"{first} has none yet"
    return Refused(
        f"this host belongs to {other}: its CA is {theirs[:12]}…, but {state}",
        where=node,
        hint="nothing was changed on any host; if that cluster is gone, remove K3s and its volumes "
        f"with `edgeboot reset --limit {node}`, then rerun",
        error_id="other-cluster",
    )
