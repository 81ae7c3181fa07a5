"""Pod networks, service networks and node addresses have the same families, IPv4 and IPv6.

Source: K3s pkg/cli/server/server.go, which does not start if cluster-cidr and service-cidr differ;
docs/networking/basic-network-options, "Dual-stack (IPv4 + IPv6) Networking".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster.fold import Places
from edgeboot.inventory.model import Cluster, ConfigValue

_NAMES = {4: "IPv4", 6: "IPv6"}
_BOTH = frozenset({4, 6})
_HINTS = {
    "cluster-cidr": "write both: `cluster-cidr: [10.42.0.0/16, 'fd42::/48']`",
    "service-cidr": "write both: `service-cidr: [10.43.0.0/16, 'fd43::/112']`",
}


def differing(cluster: Cluster, places: Places) -> Iterator[BadInput]:
    """A cluster of two families needs two of everything that the inventory names."""
    pods = _families(cluster.config.get("cluster-cidr", "10.42.0.0/16"))
    services = _families(cluster.config.get("service-cidr", "10.43.0.0/16"))
    if not pods or not services:
        return  # not networks: K3s says so
    if pods != services:
        short = "service-cidr" if len(services) <= len(pods) else "cluster-cidr"
        other = "cluster-cidr" if short == "service-cidr" else "service-cidr"
        what = (
            f"'cluster-cidr' is {_words(pods)} and 'service-cidr' is {_words(services)}, "
            "but K3s needs the same families in both"
        )
        place = places.get(("", other)) or places.get(("", short), cluster.where)
        yield BadInput(what, where=place, hint=_HINTS[short])
        return
    for node in cluster.nodes:
        own = frozenset(ipaddress.ip_address(one).version for one in node.node_ips)
        if own == _BOTH and pods != _BOTH:
            only = f"pods have {_words(pods)} only"
            what = f"'{node.name}' has two addresses in 'node-ip', but {only}"
            hint = f"{_HINTS['cluster-cidr']}, and likewise 'service-cidr'; or remove one address"
            yield BadInput(what, where=node.where, hint=hint)
        elif own and pods == _BOTH and own != _BOTH:
            what = f"'{node.name}' has one address in 'node-ip' in a cluster of IPv4 and IPv6"
            hint = "write both: `node-ip: [192.0.2.11, '2001:db8::11']`, or remove 'node-ip'"
            yield BadInput(what, where=node.where, hint=hint)


def _families(value: ConfigValue) -> frozenset[int]:
    texts = value if isinstance(value, tuple) else (str(value),)
    try:
        networks = [
            ipaddress.ip_network(word.strip(), strict=False)
            for text in texts
            for word in text.split(",")
        ]
    except ValueError:
        return frozenset()
    return frozenset(network.version for network in networks)


def _words(families: frozenset[int]) -> str:
    return " and ".join(_NAMES[family] for family in sorted(families))
