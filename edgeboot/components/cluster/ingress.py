"""Where Traefik answers on every node: by K3s's ServiceLB, or because it binds the ports itself."""

from __future__ import annotations

from edgeboot.components.k3s.base import config_of
from edgeboot.inventory.model import Cluster


def ingress_ports(cluster: Cluster) -> frozenset[int]:
    """The ports of the ingress on each node; empty where it has none."""
    wanted = cluster.components.traefik
    disabled = config_of(cluster, cluster.every_server[0]).get("disable", ())
    off = set(disabled) if isinstance(disabled, tuple) else set()
    if "traefik" in off or wanted.expose == "cluster-ip":
        return frozenset()
    if "servicelb" in off and wanted.expose == "load-balancer":
        return frozenset()
    return frozenset({wanted.http_port, wanted.https_port})
