"""The cluster's name in edgeboot's record on each host: how a renamed cluster shows.

Nothing of K3s depends on the name. So a new one changes the records and the kubeconfig alone, and a
host that was installed before there were records gets one with its next change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgeboot.checks.identity import runs_as
from edgeboot.errors import Refused
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.plan import Remark
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Step, Write

_NAME = re.compile(rb"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\n")


def recorded(facts: Facts) -> str | None:
    """The name of the cluster that a host was installed for; None without a record."""
    fact = facts.files.get(paths.CLUSTER_NAME)
    found = _NAME.fullmatch(fact.content or b"") if fact else None
    return found[1].decode() if found else None


def naming_steps(facts: Facts, name: str, *, changes: bool) -> tuple[Step, ...]:
    """The record of a name; ``changes``: whether something else is done on the host."""
    old = recorded(facts)
    if old == name or (old is None and not changes):
        return ()
    there = paths.CLUSTER_NAME in facts.files
    return (Write(paths.CLUSTER_NAME, text(f"{name}\n"), 0o600, there, old and f"{old}\n"),)


def renaming(state: ClusterState) -> tuple[Remark, ...]:
    """What is to be said of hosts that were installed under other names."""
    names = _former(state)
    if not names:
        return ()
    what = (
        f"the cluster's name on its hosts is {', '.join(sorted(set(names.values())))}, and in the "
        f"inventory {state.cluster.name}: nothing restarts, only the records and the kubeconfig "
        "change"
    )
    hint = "if this is the inventory of another cluster, correct the addresses of its hosts"
    return (Remark("", what, hint, error_id="cluster-renamed"),)


def new_hosts_in_renamed(state: ClusterState) -> dict[str, Refused]:
    """An error for each new host in a renamed cluster: more likely the inventory is a copy."""
    names = _former(state)
    old = names.get(state.lead.name)
    if old is None:
        return {}
    return {
        node.name: Refused(
            f"this host is new, but {state.lead.name} belongs to the cluster {old}, not "
            f"{state.cluster.name}",
            where=node.name,
            hint=f"if this is another cluster's inventory, correct the address of "
            f"{state.lead.name}; to rename {old}, install without new hosts first, then add them; "
            "nothing was changed",
            error_id="cluster-renamed",
        )
        for node in state.cluster.nodes
        if node.name not in state.read_only and runs_as(state.facts[node.name]) is None
    }


def _former(state: ClusterState) -> Mapping[str, str]:
    """The recorded names that are not the inventory's, of hosts that have joined."""
    found = {
        node.name: recorded(state.facts[node.name])
        for node in state.cluster.nodes
        if runs_as(state.facts[node.name]) is not None
    }
    return {node: name for node, name in found.items() if name and name != state.cluster.name}
