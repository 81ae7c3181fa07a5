"""Which flannel backend a host runs with, and whether it is to get another: pure, from facts.

The record says with which backend a host was last booted, and during which boot that was changed.
"""

from __future__ import annotations

from edgeboot.components.k3s.config_file import read
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Cluster
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts


def recorded(facts: Facts) -> tuple[str, str] | None:
    """The backend on a host's record, and the boot during which it was changed."""
    fact = facts.files.get(paths.FLANNEL)
    words = (fact.content or b"").decode("utf-8", "replace").split() if fact else []
    return (words[0], words[1]) if len(words) == 2 else None


def backend_before(facts: Facts, server: Facts) -> str | None:
    """The backend a host runs with; None where K3s was never started on it.

    Where an older edgeboot left no record the first server's configuration says it.
    """
    known = recorded(facts)
    if known is not None:
        return known[0]
    if not any(unit.started_with for unit in facts.units.values()):
        return None
    config = read(server)
    return None if config is None else str(config.get("flannel-backend", "vxlan"))


def change(cluster: Cluster, facts: Facts, server: Facts) -> tuple[str, str] | None:
    """The backend before and after, where a host that runs one shall get another."""
    before, after = backend_before(facts, server), backend_of(cluster)
    return None if before in {None, after} or before is None else (before, after)
