"""The ports that nodes need of each other, and opening exactly these.

Source of the ports: K3s, installation/requirements.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgeboot.components.context import Context
from edgeboot.components.host.drop_in import inputs_of
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Cluster, ConfigValue, DatastoreKind, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.resources import Action, File, Resource, text

ANY = "any"
FIREWALLS = frozenset({"firewalld", "ufw"})  # those that edgeboot can configure
_NETWORKS = {"cluster-cidr": "10.42.0.0/16", "service-cidr": "10.43.0.0/16"}
_FLANNEL = {"vxlan": (8472,), "wireguard-native": (51820, 51821)}


@dataclass(frozen=True)
class Opening:
    """A port that a source may reach or, without a port, a network that may reach everything."""

    source: str
    protocol: str = ""
    port: int = 0

    def line(self) -> str:
        """As ``firewall.sh`` reads it."""
        if not self.port:
            return f"network {self.source}"
        return f"port {self.protocol} {self.port} {self.source}"


def opened(cluster: Cluster) -> Cluster:
    """The cluster with ``firewall: open`` on every node whose inventory entry has no setting."""

    def open_unless_set(node: Node) -> Node:
        return replace(node, host=replace(node.host, firewall=node.host.firewall or "open"))

    return replace(
        cluster,
        nodes=tuple(map(open_unless_set, cluster.nodes)),
        away=tuple(map(open_unless_set, cluster.away)),
    )


def firewall(context: Context) -> Iterator[Resource]:
    """The list of openings, and the action that applies it.

    Without `firewall` in the inventory nothing is opened, and what was opened stays open.
    """
    wish = context.node.host.firewall
    if wish is None or not FIREWALLS & context.traits.has:
        return
    files = [listed(context.cluster, context.node)] if wish == "open" else []
    yield from files
    yield Action(
        name="firewall",
        inputs=inputs_of(files) if files else "",
        snippet="firewall",
        text="open the firewall for the cluster" if files else "close what was opened for K3s",
        hint="check `ufw status` or `firewall-cmd --list-all-zones` on the host, then rerun",
    )


def listed(cluster: Cluster, node: Node) -> File:
    """The openings, as ``firewall.sh`` reads them."""
    lines = "".join(f"{one.line()}\n" for one in openings(cluster, node))
    return File(paths.FIREWALL, text(lines), 0o600)


def openings(cluster: Cluster, node: Node) -> tuple[Opening, ...]:
    """What must be open on a node: the API for everybody, the rest only for other nodes."""
    server = cluster.every_server[0]
    config: dict[str, ConfigValue] = {**cluster.config, **server.config}
    peers = _peers(cluster, node)
    found = [Opening(ANY, "tcp", 6443)] if node.role is Role.SERVER else []
    tcp = [10250]
    etcd = cluster.datastore.kind is DatastoreKind.ETCD and len(cluster.every_server) > 1
    if node.role is Role.SERVER and etcd:
        tcp += [2379, 2380]
    if config.get("embedded-registry") is True:
        tcp.append(5001)
    found += [Opening(peer, "tcp", port) for port in tcp for peer in peers]
    udp = _FLANNEL.get(backend_of(cluster), ())
    found += [Opening(peer, "udp", port) for port in udp for peer in peers]
    for key, usual in _NETWORKS.items():
        value = config.get(key, usual)
        networks = value if isinstance(value, tuple) else (str(value),)
        found += [Opening(one) for text in networks for one in text.split(",")]
    return tuple(found)


def _peers(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """The addresses of the other nodes; any, if one is known only by name."""
    others = [n for n in cluster.every_node if n != node]
    addresses = [one for n in others for one in n.node_ips or (n.address,)]
    try:
        return tuple(dict.fromkeys(str(ipaddress.ip_address(one)) for one in addresses))
    except ValueError:
        return (ANY,)


def named(cluster: Cluster, node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ports (``8472/udp``) and trusted networks, for people who configure the firewall by hand."""
    found = openings(cluster, node)
    ports = dict.fromkeys(f"{one.port}/{one.protocol}" for one in found if one.port)
    return tuple(ports), tuple(one.source for one in found if not one.port)
