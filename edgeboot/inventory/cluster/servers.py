"""What the servers of a cluster agree on, and what K3s would refuse or ignore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster.fold import Places
from edgeboot.inventory.model import Cluster, ConfigValue, DatastoreKind, Node

# K3s documentation, "k3s server", critical configuration values: a server that
# differs cannot join the others. Their defaults: writing one is the same as leaving it out.
_SHARED: dict[str, ConfigValue] = {
    "cluster-cidr": ("10.42.0.0/16",),
    "cluster-dns": ("10.43.0.10",),
    "cluster-domain": "cluster.local",
    "service-cidr": ("10.43.0.0/16",),
    "disable-cloud-controller": False,
    "disable-helm-controller": False,
    "disable-network-policy": False,
    "egress-selector-mode": "agent",
    "embedded-registry": False,
    "flannel-backend": "vxlan",
    "flannel-external-ip": False,
    "flannel-ipv6-masq": False,
    "secrets-encryption": False,
    "secrets-encryption-provider": "aescbc",
    "supervisor-metrics": False,
}


def some(cluster: Cluster, where: str) -> Iterator[BadInput]:
    """A cluster needs a server."""
    if not cluster.servers:
        yield BadInput("no node is a server", where=where, hint="give one node 'role: server'")


def one_store(cluster: Cluster) -> Iterator[BadInput]:
    """SQLite serves one server only."""
    servers = cluster.servers
    if len(servers) > 1 and cluster.datastore.kind is DatastoreKind.SQLITE:
        yield BadInput(
            f"{len(servers)} servers need another datastore than SQLite",
            where=servers[1].where,
            hint="write 'datastore: etcd' below 'cluster:' (three servers, on SSDs), or make "
            f"'{servers[1].name}' an agent",
        )


def own_vip(cluster: Cluster, where: str) -> Iterator[BadInput]:
    """The servers' common address is not one node's own."""
    for node in cluster.nodes:
        if cluster.vip is not None and cluster.vip in {node.address, *node.node_ips}:
            what = f"'vip' {cluster.vip} is the address of '{node.name}'"
            hint = "use an address that moves between the servers, or remove 'vip'"
            yield BadInput(what, where=where, hint=hint)


def ignored(cluster: Cluster, places: Places) -> Iterator[BadInput]:
    """Keys of a datastore that the cluster does not have: K3s ignores them silently."""
    kind = cluster.datastore.kind
    other = {DatastoreKind.ETCD: "datastore-", DatastoreKind.EXTERNAL: "etcd-"}.get(kind)
    prefixes = (other,) if other else ("datastore-", "etcd-")
    found = [("", cluster.where, key) for key in cluster.config]
    found += [(node.name, node.where, key) for node in cluster.servers for key in node.config]
    for name, where, key in found:
        if key.startswith(prefixes):
            needed = "'datastore: etcd'" if key.startswith("etcd-") else "'endpoint-file'"
            what = f"'{key}' has no effect: the datastore is {kind.value}"
            hint = f"remove it, or set {needed} below 'cluster:'"
            yield BadInput(what, where=places.get((name, key), where), hint=hint)


def differing(cluster: Cluster, places: Places) -> Iterator[BadInput]:
    """Keys that servers must agree on; each is reported once."""
    for key in (*_SHARED, "disable") if cluster.servers else ():
        first, *others = cluster.servers
        ours = _effective(cluster, first, key)
        for node in others:
            theirs = _effective(cluster, node, key)
            if ours != theirs:
                what = (
                    f"'{key}' is {_words(theirs)} on '{node.name}' and {_words(ours)} on "
                    f"'{first.name}', but servers must agree"
                )
                hint = "set it once, in 'config' of 'cluster' or of 'roles: server'"
                yield BadInput(what, where=places.get((node.name, key), node.where), hint=hint)
                break


def _effective(cluster: Cluster, node: Node, key: str) -> ConfigValue:
    value = node.config.get(key, cluster.config.get(key))
    if key == "disable":  # only this part of it has to be the same
        return "servicelb" in value if isinstance(value, tuple) else False
    return _SHARED[key] if value is None else value


def _words(value: ConfigValue) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def warnings(cluster: Cluster) -> Iterator[str]:
    """What works but is not recommended; one line each."""
    servers: Sequence[Node] = cluster.servers
    if cluster.datastore.kind is not DatastoreKind.ETCD:
        return
    if len(servers) == 2:
        yield (
            "two servers are less safe than one: etcd needs both and stops when either is down; "
            "add a third server, or keep one"
        )
    elif len(servers) % 2 == 0:
        yield (
            f"{len(servers)} servers survive no more failures than {len(servers) - 1}: etcd "
            "needs a majority; use an odd number"
        )
    if len(servers) > 1 and cluster.vip is None:
        yield (
            f"without 'vip' the kubeconfig points to '{servers[0].name}' only: give the servers a "
            "common address, or edit the kubeconfig when that server is down"
        )
