"""Whether an agent has joined another cluster before: from facts, before anything is written.

A full token is ``K10`` and the SHA-256 of the cluster's CA certificate as it stands (for the
self-signed one that K3s makes), and an agent keeps that very file (K3s, pkg/clientaccess).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgeboot.errors import Refused
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.joining import lead_server
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts

_CA_HASH = re.compile(rb"K10([0-9a-f]{64})::")


def of_other_clusters(cluster: Cluster, facts: Mapping[str, Facts]) -> dict[str, Refused]:
    """The nodes that carry the CA of another cluster than the servers', and the way out.

    A server that has no cluster yet says nothing about its agents' CA except that it is not its
    own. A CA the operator brought is a bundle, hashed in another way: then nothing is said.
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
        node.name: _refusal(node.name, first, ca.sha256, ours)
        for node in cluster.agents
        if (ca := facts[node.name].files.get(paths.SERVER_CA)) and ca.sha256 != ours
    }
    for node in cluster.servers:
        theirs = facts[node.name].node_token
        found = _CA_HASH.match(theirs.value) if theirs else None
        if ours and found and found[1].decode() != ours:
            strangers[node.name] = _refusal(node.name, first, found[1].decode(), ours)
    return strangers


def _refusal(node: str, first: str, theirs: str, ours: str | None) -> Refused:
    state = f"that of {first} is {ours[:12]}…" if ours else f"{first} has none yet"
    return Refused(
        f"this host has joined another cluster: its CA is {theirs[:12]}…, {state}",
        where=node,
        hint="nothing was changed on any host; if that cluster is gone, remove K3s from this host "
        "(`edgeboot reset --limit` it, with the volumes on it), then run the command again",
        error_id="other-cluster",
    )
