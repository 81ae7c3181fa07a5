"""Flannel: its own configuration if an MTU is set, and the cluster's backend and networks.

Source: K3s pkg/agent/flannel/setup.go. K3s uses the file in ``flannel-conf`` unchanged, so it must
also contain networks and backend.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.inventory.model import Cluster, ConfigValue
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Resource, text

CONF = f"{paths.COMPONENTS}/flannel.json"
_POD_NETWORK = "10.42.0.0/16"  # K3s's default for cluster-cidr
_KEEPALIVE = 25  # seconds, as K3s has it


def backend_of(cluster: Cluster) -> str:
    """The cluster's backend."""
    return str(cluster.config.get("flannel-backend", "vxlan"))


def flannel(context: Context) -> Iterator[Resource]:
    """The configuration, if K3s's own is not enough."""
    mtu = context.cluster.components.flannel.mtu
    if mtu is not None:
        yield Directory(paths.COMPONENTS, 0o700)
        said = json.dumps(configuration(context.cluster, mtu), indent=2) + "\n"
        yield File(CONF, text(said), 0o600, restarts=context.service)


def config(cluster: Cluster) -> dict[str, ConfigValue]:
    """K3s's key for the configuration's path."""
    return {"flannel-conf": CONF} if cluster.components.flannel.mtu is not None else {}


def configuration(cluster: Cluster, mtu: int) -> dict[str, object]:
    """Flannel's ``net-conf.json``.

    ``mtu`` is that of packets between nodes: both backends subtract their own headers
    (flannel v0.28 backend/vxlan/device.go, backend/wireguard/device.go).
    """
    nets = [ipaddress.ip_network(text) for text in pod_networks(cluster)]
    four = next((str(net) for net in nets if net.version == 4), None)
    six = next((str(net) for net in nets if net.version == 6), None)
    backend: dict[str, object] = {"Type": "vxlan", "MTU": mtu}
    if backend_of(cluster) == "wireguard-native":
        backend = {
            "Type": "wireguard",
            "PersistentKeepaliveInterval": _KEEPALIVE,
            "MTU": mtu,
        }
    return {
        "Network": four or "0.0.0.0/0",
        "EnableIPv4": four is not None,
        "EnableIPv6": six is not None,
        "IPv6Network": six or "::/0",
        "Backend": backend,
    }


def pod_networks(cluster: Cluster) -> tuple[str, ...]:
    """The networks of pods."""
    return _networks(cluster, "cluster-cidr", _POD_NETWORK)


def service_networks(cluster: Cluster) -> tuple[str, ...]:
    """The networks of services."""
    return _networks(cluster, "service-cidr", "10.43.0.0/16")


def _networks(cluster: Cluster, key: str, default: str) -> tuple[str, ...]:
    value = cluster.config.get(key, default)
    texts = value if isinstance(value, tuple) else (str(value),)
    return tuple(word.strip() for text in texts for word in text.split(",") if word.strip())
