"""Another flannel backend on hosts that run one: all servers change, then every host boots anew.

So K3s documents it (docs/networking/basic-network-options): interfaces, routes and firewall rules
of the old backend stay otherwise. The record says with which backend a host was last booted, and
during which boot that was changed: as long as it is the same boot, a reboot is due. So a run that
was interrupted anywhere goes on where it was.
"""

from __future__ import annotations

from edgeboot.components.k3s.backend_change import change, recorded
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Node
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.plan import paths
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Reboot, Step, Write

_SETTLED = "-"  # in place of a boot: no reboot is due


def reboot_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """The reboot that a change of the backend asks for; on new hosts only the record."""
    facts = state.facts[node.name]
    boot = facts.condition.boot_id
    server = state.facts[state.cluster.servers[0].name]
    changed, record = change(state.cluster, facts, server), recorded(facts)
    want = backend_of(state.cluster)
    if changed:
        write = _record(want, boot, replaces=record is not None)
        return (write, Reboot(boot, f"flannel backend {changed[0]} becomes {changed[1]}"))
    if record is None:
        return (_record(want, _SETTLED, replaces=paths.FLANNEL in facts.files),)
    if record[1] == boot:
        return (Reboot(boot, f"flannel backend has become {want}"),)
    return ()


def _record(backend: str, boot: str, *, replaces: bool) -> Write:
    return Write(paths.FLANNEL, text(f"{backend} {boot}\n"), 0o600, replaces=replaces)
