"""Another flannel backend on hosts that run one: all servers change, then every host boots anew.

So K3s documents it (docs/networking/basic-network-options): interfaces, routes and firewall rules
of the old backend stay otherwise. The record says with which backend a host was last booted, and
during which boot that was changed: as long as it is the same boot, a reboot is due. So a run that
was interrupted anywhere goes on where it was.
"""

from __future__ import annotations

from edgeboot.components.flannel import backend_of
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.world import World
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Reboot, Step, Write
from edgeboot.yamlfile import parse_foreign

_SETTLED = "-"  # in place of a boot: no reboot is due


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
    fact = server.files.get(paths.CONFIG)
    try:
        config = parse_foreign(fact.content or b"") if fact else None
    except ValueError:
        config = None
    return str(config.get("flannel-backend", "vxlan")) if isinstance(config, dict) else None


def change(cluster: Cluster, facts: Facts, server: Facts) -> tuple[str, str] | None:
    """The backend before and after, where a host that runs one shall get another."""
    before, after = backend_before(facts, server), backend_of(cluster)
    return None if before in {None, after} or before is None else (before, after)


def reboot_steps(world: World, node: Node) -> tuple[Step, ...]:
    """The reboot that a change of the backend asks for; on new hosts only the record."""
    facts = world.facts[node.name]
    boot = facts.condition.boot_id
    server = world.facts[world.cluster.servers[0].name]
    changed, record = change(world.cluster, facts, server), recorded(facts)
    want = backend_of(world.cluster)
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
