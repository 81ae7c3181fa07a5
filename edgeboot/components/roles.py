"""One table: what a server is made of, what an agent is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgeboot.components.cluster import charts, coredns, traefik
from edgeboot.components.context import Context
from edgeboot.components.host import clock, files, firewall, sd_card, storage, swap, wifi
from edgeboot.components.k3s import (
    base,
    containerd,
    environment,
    flannel,
    hardening,
    images,
    kubelet,
    record,
    registries,
)
from edgeboot.inventory.model import Role
from edgeboot.plan.resources import Directory, Resource

Component = Callable[[Context], Iterator[Resource]]

COMPONENTS: dict[Role, tuple[Component, ...]] = {
    Role.SERVER: (
        base.directories,
        base.binary,
        images.images,
        charts.charts,
        charts.manifests,
        coredns.coredns,
        traefik.traefik,
        containerd.runtime_classes,
        containerd.containerd,
        registries.registries,
        flannel.flannel,
        hardening.hardening,
        environment.environment,
        kubelet.kubelet,
        base.service,
        record.record,
    ),
    Role.AGENT: (
        base.directories,
        base.binary,
        images.images,
        containerd.containerd,
        registries.registries,
        flannel.flannel,
        hardening.hardening,
        environment.environment,
        kubelet.kubelet,
        base.service,
        record.record,
    ),
}
# What a host is made fit with before anything of K3s is put there, whatever its role.
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
    """All that a node should have, in the order in which it can be put there."""
    found: list[Resource] = []
    for component in COMPONENTS[context.node.role]:
        # Several components may want the same directory.
        found += (r for r in component(context) if not (isinstance(r, Directory) and r in found))
    return tuple(found)


def host_resources_of(context: Context) -> tuple[Resource, ...]:
    """What the host below a node should have."""
    return tuple(r for component in HOST for r in component(context))
