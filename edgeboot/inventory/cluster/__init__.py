"""The sections of ``cluster`` that configure its components: one module each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
from edgeboot.inventory.cluster.charts import ChartSetting
from edgeboot.inventory.cluster.containerd import Containerd
from edgeboot.inventory.cluster.coredns import CoreDns
from edgeboot.inventory.cluster.flannel import Flannel
from edgeboot.inventory.cluster.proxy import Proxy
from edgeboot.inventory.cluster.registries import Registries
from edgeboot.inventory.cluster.security import Audit, Encryption
from edgeboot.inventory.cluster.traefik import Traefik
from edgeboot.yaml.section import Values, optional

CONTAINERD = optional(
    "containerd",
    containerd.SECTION,
    "Runtimes besides runc, and settings of containerd.",
    default=Containerd(),
)
REGISTRIES = optional(
    "registries",
    registries.SECTION,
    "Where images are pulled from, and with which credentials.",
    default=Registries(),
)
EMBEDDED = optional(
    "embedded-registry",
    registries.EMBEDDED,
    "Nodes share their images: true for those of all registries, or a list.",
    default=(),
)
FLANNEL = optional(
    "flannel", flannel.SECTION, "The network between pods on different nodes.", default=Flannel()
)
COREDNS = optional(
    "coredns", coredns.SECTION, "Names and resolvers of the site.", default=CoreDns()
)
TRAEFIK = optional(
    "traefik", traefik.SECTION, "K3s's ingress; false turns it off.", default=Traefik()
)
CHARTS = optional(
    "charts",
    charts.SECTION,
    "Charts of the bundle, in the order of their installation; the others follow.",
    default=(),
)
PROXY = optional(
    "proxy", proxy.SECTION, "How K3s and containerd get out of the site.", default=Proxy()
)
ENCRYPTION = optional(
    "secrets-encryption",
    security.ENCRYPTION,
    "Encrypt Secrets in the datastore: true, or how. Set it before the first start.",
    default=Encryption(),
)
AUDIT = optional("audit", security.AUDIT, "The API's log of who did what.")

KEYS = (
    *(CONTAINERD, REGISTRIES, EMBEDDED, FLANNEL, COREDNS, TRAEFIK, CHARTS, PROXY),
    *(ENCRYPTION, AUDIT),
)


@dataclass(frozen=True)
class Components:
    """How the cluster's components are configured; the defaults are K3s's own."""

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


def components(values: Values) -> Components:
    """All sections; a section with a mistake is as if it were not there."""
    embedded = values.usable(EMBEDDED)
    return Components(
        containerd=values.usable(CONTAINERD),
        registries=registries.shared(values.usable(REGISTRIES), embedded),
        embedded_registry=bool(embedded),
        flannel=values.usable(FLANNEL),
        coredns=values.usable(COREDNS),
        traefik=values.usable(TRAEFIK),
        charts=values.usable(CHARTS),
        proxy=values.usable(PROXY),
        encryption=values.usable(ENCRYPTION),
        audit=values.usable(AUDIT),
        places={key.name: values.where(key) for key in KEYS if values.has(key)},
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
