"""The table of roles: which components a server, an agent, and every host have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgeboot.components.cluster import charts, coredns, traefik
from edgeboot.components.context import Context
from edgeboot.components.host import clock, files, firewall, sd_card, storage, swap, wifi
from edgeboot.components.k3s import (
    base,
    environment,
    flannel,
    hardening,
    kubelet,
    record,
)
from edgeboot.components.k3s.runtime import containerd, images, registries
from edgeboot.inventory.model import Role
from edgeboot.plan.resources import Directory, Resource

Component = Callable[[Context], Iterator[Resource]]

# In the order in which they are installed: what needs no service first, the service near the end.
_BOTH_BEFORE: tuple[Component, ...] = (base.directories, base.binary, images.images)
_SERVER_ONLY: tuple[Component, ...] = (
    charts.charts,
    charts.manifests,
    coredns.coredns,
    traefik.traefik,
    containerd.runtime_classes,
)
_BOTH_AFTER: tuple[Component, ...] = (
    containerd.containerd,
    registries.registries,
    flannel.flannel,
    hardening.hardening,
    environment.environment,
    kubelet.kubelet,
    base.service,
    record.record,
)
COMPONENTS: dict[Role, tuple[Component, ...]] = {
    Role.SERVER: (*_BOTH_BEFORE, *_SERVER_ONLY, *_BOTH_AFTER),
    Role.AGENT: (*_BOTH_BEFORE, *_BOTH_AFTER),
}
# What every host needs before K3s, whatever its role.
HOST: tuple[Component, ...] = (
    storage.storage,
    files.files,
    sd_card.journal,
    clock.clock,
    swap.swap,
    wifi.wifi,
    firewall.firewall,
)


def resources_of(context: Context) -> tuple[Resource, ...]:
    """Everything a node should have, in the order in which it can be installed."""
    found: list[Resource] = []
    for component in COMPONENTS[context.node.role]:
        # Several components may need the same directory.
        found += (r for r in component(context) if not (isinstance(r, Directory) and r in found))
    return tuple(found)


def host_resources_of(context: Context) -> tuple[Resource, ...]:
    """What the host below a node should have."""
    return tuple(r for component in HOST for r in component(context))
