"""What servers share: the datastore, the address they answer at together, keys they agree on."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory import sections, syntax
from edgeboot.inventory.checking import checked
from edgeboot.inventory.model import (
    Cluster,
    ConfigValue,
    Datastore,
    DatastoreKind,
    Node,
)
from edgeboot.secret import Secret
from edgeboot.yaml.reader import Reader, Scalar
from edgeboot.yaml.wording import nearest, quoted

# K3s documentation, "k3s server", critical configuration values: a server that differs is refused
# by those it would join. Their defaults, so that saying one is the same as saying nothing.
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
_SCHEMES = ("mysql", "postgres", "postgresql", "http", "https", "nats", "etcd")
_ENDPOINT = re.compile(rf"(?:{'|'.join(_SCHEMES)})://[!-~]+")
_UNQUOTABLE = frozenset("'\\")  # the environment file of K3s's service cannot carry them


def read_vip(reader: Reader) -> str | None:
    """The address that all servers answer at, if somebody keeps one."""
    text = reader.text("vip", None)
    return None if text is None else checked(reader, "vip", text, syntax.address)


def read_datastore(reader: Reader, base: Path) -> Datastore:
    """Where the cluster's state is kept; a text, or a mapping that says where the endpoint is."""
    if not reader.has("datastore"):
        return Datastore()
    if isinstance(reader.value("datastore"), Scalar):
        return Datastore(_kind(reader))
    place = reader.mapping("datastore").reader(sections.DATASTORE, "'datastore' of 'cluster'")
    if place.has("endpoint-file") == place.has("endpoint-env"):
        what = "'datastore' needs one of 'endpoint-file' and 'endpoint-env'"
        raise reader.error("datastore", what, "the endpoint is a secret, so it stands elsewhere")
    found = _from_file(place, base) if place.has("endpoint-file") else _from_environment(place)
    return Datastore(DatastoreKind.EXTERNAL, found)


def _kind(reader: Reader) -> DatastoreKind:
    text = reader.text("datastore")
    known = (DatastoreKind.SQLITE, DatastoreKind.ETCD)
    if text in known:
        return DatastoreKind(text)
    if "://" in text:
        hint = "put it into a file that only you can read and write 'endpoint-file: FILE' below it"
        raise reader.error("datastore", "an endpoint holds a password, an inventory none", hint)
    near = nearest(text, known)
    hint = f"did you mean '{near}'?" if near else "sqlite, etcd, or a mapping with 'endpoint-file'"
    raise reader.error("datastore", f"{quoted(text)} is no datastore", hint)


def _from_file(place: Reader, base: Path) -> Secret:
    name = checked(place, "endpoint-file", place.text("endpoint-file"), syntax.plain)
    path = base / Path(name).expanduser()
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        what = f"{quoted(str(path))} cannot be read: {error.strerror}"
        raise place.error("endpoint-file", what, "correct the path or the file's mode") from None
    if stat.S_IMODE(mode) & 0o077:
        what = f"{quoted(str(path))} can be read by others, and it holds a password"
        raise place.error("endpoint-file", what, f"chmod 600 {path}")
    return _endpoint(place, "endpoint-file", content.strip())


def _from_environment(place: Reader) -> Secret:
    name = checked(place, "endpoint-env", place.text("endpoint-env"), syntax.plain)
    value = os.environ.get(name)
    if not value:
        what = f"the environment has no variable {quoted(name)}"
        raise place.error("endpoint-env", what, f"export {name} before you run edgeboot")
    return _endpoint(place, "endpoint-env", value.strip().encode())


def _endpoint(place: Reader, key: str, value: bytes) -> Secret:
    """Checked without a word of it in the message."""
    text = value.decode("utf-8", "replace")
    if not _ENDPOINT.fullmatch(text) or _UNQUOTABLE & set(text):
        hint = f"one line: {', '.join(f'{scheme}://' for scheme in _SCHEMES)} and printable"
        what = f"what '{key}' leads to is no endpoint of a datastore"
        raise place.error(key, what, f"{hint} characters, no quote and no backslash")
    return Secret(value)


def check_servers(cluster: Cluster) -> None:
    """That the servers can be those of one cluster; ``BadInput`` for what K3s would refuse."""
    servers, kind = cluster.servers, cluster.datastore.kind
    if len(servers) > 1 and kind is DatastoreKind.SQLITE:
        first, second = servers[0], servers[1]
        raise BadInput(
            "SQLite serves one server, and there are "
            + (f"{len(servers)}: '{first.name}', '{second.name}'" + (" …" if servers[2:] else "")),
            where=second.where,
            hint="write 'datastore: etcd' below 'cluster:' (three servers, on SSDs), or make "
            f"'{second.name}' an agent",
        )
    for node in cluster.nodes:
        if cluster.vip is not None and cluster.vip in {node.address, node.node_ip}:
            what = f"'vip' {cluster.vip} is the address of '{node.name}' alone"
            hint = "name an address that moves between the servers, or leave 'vip' out"
            raise BadInput(what, where=cluster.where, hint=hint)
    _check_ignored(cluster)
    _check_shared(cluster)


def _check_ignored(cluster: Cluster) -> None:
    """Keys of a datastore that the cluster does not have: K3s would take them and do nothing."""
    kind = cluster.datastore.kind
    foreign = {DatastoreKind.ETCD: "datastore-", DatastoreKind.EXTERNAL: "etcd-"}.get(kind)
    prefixes = (foreign,) if foreign else ("datastore-", "etcd-")
    for where, config in (
        (cluster.where, cluster.config),
        *((node.where, node.config) for node in cluster.servers),
    ):
        for key in config:
            if key.startswith(prefixes):
                needed = "'datastore: etcd'" if key.startswith("etcd-") else "'endpoint-file'"
                what = f"K3s would ignore '{key}': the datastore is {kind.value}"
                hint = f"remove it, or set {needed} below 'cluster:'"
                raise BadInput(what, where=where, hint=hint)


def _check_shared(cluster: Cluster) -> None:
    first, *others = cluster.servers
    for key in (*_SHARED, "disable"):
        ours = _effective(cluster, first, key)
        for node in others:
            theirs = _effective(cluster, node, key)
            if ours != theirs:
                what = (
                    f"'{key}' is {_words(theirs)} on '{node.name}' and {_words(ours)} on "
                    f"'{first.name}': K3s refuses servers that differ in it"
                )
                hint = "set it once, in 'config' of 'cluster' or of 'roles: server'"
                raise BadInput(what, where=node.where, hint=hint)


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
    """What works and is better otherwise; one line each."""
    servers: Sequence[Node] = cluster.servers
    if cluster.datastore.kind is not DatastoreKind.ETCD:
        return
    if len(servers) == 2:
        yield (
            "two servers are less safe than one: etcd needs both of them, so it stops when either "
            "is down; add a third server, or keep one"
        )
    elif len(servers) % 2 == 0:
        yield (
            f"{len(servers)} servers survive no more failures than {len(servers) - 1}: etcd "
            "needs a majority; take an odd number"
        )
    if len(servers) > 1 and cluster.vip is None:
        yield (
            f"without 'vip' the kubeconfig names '{servers[0].name}' alone: give the servers an "
            "address together, or change the server in it when that one is down"
        )
