"""The sections of ``cluster`` that say how its components shall be: one module each.

``read`` reads them all, and says what they come to among K3s's own keys; one table serves the
loader and the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeboot.inventory.cluster import (
    charts,
    containerd,
    coredns,
    flannel,
    proxy,
    registries,
    security,
    traefik,
)
from edgeboot.inventory.cluster.base import described
from edgeboot.inventory.cluster.charts import ChartSetting
from edgeboot.inventory.cluster.containerd import Containerd
from edgeboot.inventory.cluster.coredns import CoreDns
from edgeboot.inventory.cluster.flannel import Flannel
from edgeboot.inventory.cluster.proxy import Proxy
from edgeboot.inventory.cluster.registries import Registries
from edgeboot.inventory.cluster.security import Audit, Encryption
from edgeboot.inventory.cluster.traefik import Traefik
from edgeboot.yaml.reader import Reader

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "containerd": described(containerd.SCHEMA, "Runtimes beside runc, and settings of its own."),
    "registries": described(registries.SCHEMA, "Where images are pulled from, and as whom."),
    "embedded-registry": registries.EMBEDDED_SCHEMA,
    "flannel": described(flannel.SCHEMA, "The network between pods on different nodes."),
    "coredns": described(coredns.SCHEMA, "Names and resolvers of the site."),
    "traefik": traefik.SCHEMA,
    "charts": charts.SCHEMA,
    "proxy": described(proxy.SCHEMA, "How K3s and containerd get out of the site."),
    "secrets-encryption": security.ENCRYPTION_SCHEMA,
    "audit": security.AUDIT_SCHEMA,
}


@dataclass(frozen=True)
class Components:
    """How the cluster's components shall be; the defaults are K3s's own."""

    containerd: Containerd = field(default_factory=Containerd)
    registries: Registries = field(default_factory=Registries)
    embedded_registry: bool = False
    flannel: Flannel = field(default_factory=Flannel)
    coredns: CoreDns = field(default_factory=CoreDns)
    traefik: Traefik = field(default_factory=Traefik)
    charts: tuple[ChartSetting, ...] = ()
    proxy: Proxy = field(default_factory=Proxy)
    encryption: Encryption = field(default_factory=Encryption)
    audit: Audit | None = None
    places: Mapping[str, str] = field(default_factory=dict)  # section -> file:line


def read(cluster: Reader, base: Path) -> Components:
    """All sections; BadInput with file:line for the first mistake."""
    return Components(
        containerd=containerd.read(cluster, base),
        registries=registries.read(cluster, base),
        embedded_registry=bool(registries.embedded(cluster)),
        flannel=flannel.read(cluster, base),
        coredns=coredns.read(cluster, base),
        traefik=traefik.read(cluster, base),
        charts=charts.read(cluster, base),
        proxy=proxy.read(cluster, base),
        encryption=security.read_encryption(cluster, base),
        audit=security.read_audit(cluster, base),
        places={name: cluster.top.where(name) for name in SCHEMAS if cluster.has(name)},
    )


def k3s_keys(wanted: Components) -> dict[str, tuple[str, str | bool | tuple[str, ...]]]:
    """K3s's keys that follow from sections: key -> (section, value); lists add to what is there."""
    found: dict[str, tuple[str, str | bool | tuple[str, ...] | None]] = {
        "snapshotter": ("containerd", wanted.containerd.snapshotter),
        "default-runtime": ("containerd", wanted.containerd.default_runtime),
        "disable-default-registry-endpoint": (
            "registries",
            None if wanted.registries.default_endpoint else True,
        ),
        "embedded-registry": ("embedded-registry", wanted.embedded_registry or None),
        "flannel-backend": ("flannel", wanted.flannel.backend),
        "flannel-iface": ("flannel", wanted.flannel.iface),
        "disable": ("traefik", None if wanted.traefik.enabled else ("traefik",)),
        "secrets-encryption": ("secrets-encryption", wanted.encryption.enabled),
        "secrets-encryption-provider": ("secrets-encryption", wanted.encryption.provider),
    }
    return {key: (name, value) for key, (name, value) in found.items() if value is not None}
