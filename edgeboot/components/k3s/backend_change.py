"""Which flannel backend a host runs with, and whether it is to change: pure, from facts.

The host records its backend at the last boot, and the boot during which it was changed.
"""

from __future__ import annotations

from edgeboot.components.k3s.config_file import read
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Cluster
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts


def recorded(facts: Facts) -> tuple[str, str] | None:
    """The backend in a host's record, and the boot during which it was changed."""
    fact = facts.files.get(paths.FLANNEL)
    words = (fact.content or b"").decode("utf-8", "replace").split() if fact else []
    return (words[0], words[1]) if len(words) == 2 else None


def backend_before(facts: Facts, server: Facts) -> str | None:
    """The backend a host runs with; None if K3s was never started on it.

    Without a record, from an older edgeboot, the first server's configuration decides.
    """
    known = recorded(facts)
    if known is not None:
        return known[0]
    if not any(unit.started_with for unit in facts.units.values()):
        return None
    config = read(server)
    return None if config is None else str(config.get("flannel-backend", "vxlan"))


def change(cluster: Cluster, facts: Facts, server: Facts) -> tuple[str, str] | None:
    """The backend before and after, if it is to change on a host that runs one."""
    before, after = backend_before(facts, server), backend_of(cluster)
    return None if before in {None, after} or before is None else (before, after)
