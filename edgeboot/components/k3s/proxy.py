"""The proxy variables in K3s's environment. Source: K3s docs/advanced, "HTTP proxy".

NO_PROXY has the nodes' networks rather than their addresses, so that adding a node does not restart
all the others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from edgeboot.components.context import Context
from edgeboot.components.k3s.flannel import pod_networks, service_networks
from edgeboot.errors import BadInput
from edgeboot.inventory.cluster.proxy import proxy_url
from edgeboot.inventory.model import Cluster
from edgeboot.inventory.secrets import SecretRef
from edgeboot.secret import Secret

_NET_SIZE = {4: 24, 6: 64}


def variables(context: Context) -> Mapping[str, str | Secret]:
    """The variables; none without a proxy."""
    wanted = context.cluster.components.proxy
    if wanted.empty:
        return {}
    found: dict[str, str | Secret] = {"NO_PROXY": ",".join(direct(context.cluster))}
    for name, value in (("HTTP_PROXY", wanted.http), ("HTTPS_PROXY", wanted.https)):
        if isinstance(value, SecretRef):
            found[name] = _read(context, value)
        elif value is not None:
            found[name] = value
    return found


def _read(context: Context, ref: SecretRef) -> Secret:
    secret = context.secret(ref)
    try:
        proxy_url(secret.value.decode())
    except ValueError:
        hint = "it must contain only a URL: http://USER:PASSWORD@HOST:PORT"
        raise BadInput("invalid proxy URL in the secret", where=ref.where, hint=hint) from None
    return secret


def direct(cluster: Cluster) -> tuple[str, ...]:
    """What is reached without the proxy."""
    domain = str(cluster.config.get("cluster-domain", "cluster.local"))
    inside = ("localhost", "127.0.0.0/8", "::1", ".svc", f".{domain}")
    nets = (*pod_networks(cluster), *service_networks(cluster))
    every = (*inside, *nets, *_nodes(cluster), *cluster.components.proxy.no_proxy)
    return tuple(dict.fromkeys(every))


def _nodes(cluster: Cluster) -> Iterator[str]:
    for node in cluster.every_node:
        for text in filter(None, (node.address, *node.node_ips)):
            bare = text.strip("[]").partition("%")[0]
            try:
                address = ipaddress.ip_address(bare)
            except ValueError:
                yield bare
                continue
            yield str(ipaddress.ip_network(f"{address}/{_NET_SIZE[address.version]}", strict=False))
