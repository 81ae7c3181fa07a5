"""K3s's configuration keys: for which role, of which type.

Source: K3s pkg/cli/cmds/server.go and agent.go, v1.36. Left out: deprecated and experimental ones
(``docker``, ``rootless``), those that do something once and must not stand in a file
(``cluster-reset``), those that take the node out of edgeboot's sight: ``OWNED`` says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.role import Role
from edgeboot.yaml.compound import ListOf
from edgeboot.yaml.section import Key, Section, Values, optional
from edgeboot.yaml.types import At, Boolean, Choice, Integer, Text, Type
from edgeboot.yaml.values import Scalar, Sequence, Value

ConfigValue = str | int | bool | tuple[str, ...]


class Kind(Enum):
    """The type of a key's value."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"


@dataclass(frozen=True)
class K3sKey:
    """One key of K3s's ``config.yaml``; ``choices`` are its only values, if it has such."""

    kind: Kind
    server_only: bool
    choices: tuple[str, ...] = ()


_BOTH = {
    Kind.LIST: "node-external-ip node-internal-dns node-external-dns kubelet-arg kube-proxy-arg "
    "airgap-extra-registry",
    Kind.TEXT: "flannel-iface flannel-conf flannel-cni-conf resolv-conf pause-image "
    "default-runtime "
    "image-credential-provider-bin-dir image-credential-provider-config vpn-auth-file "
    "vmodule log",
    Kind.INTEGER: "lb-server-port v",
    Kind.BOOLEAN: "disable-default-registry-endpoint protect-kernel-defaults selinux "
    "prefer-bundled-bin nonroot-devices enable-pprof debug alsologtostderr",
}
_SERVER = {
    Kind.LIST: "tls-san cluster-cidr service-cidr cluster-dns kube-apiserver-arg "
    "kube-scheduler-arg kube-controller-manager-arg kube-cloud-controller-manager-arg etcd-arg",
    Kind.TEXT: "advertise-address cluster-domain service-node-port-range servicelb-namespace "
    "write-kubeconfig-mode write-kubeconfig-group helm-job-image "
    "system-default-registry default-local-storage-path datastore-cafile datastore-certfile "
    "datastore-keyfile etcd-snapshot-name etcd-snapshot-schedule-cron etcd-snapshot-dir "
    "etcd-snapshot-reconcile-interval etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-bucket "
    "etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder etcd-s3-proxy "
    "etcd-s3-config-secret etcd-s3-timeout",
    Kind.INTEGER: "etcd-snapshot-retention etcd-s3-retention",
    Kind.BOOLEAN: "tls-san-security flannel-ipv6-masq flannel-external-ip disable-scheduler "
    "disable-cloud-controller disable-kube-proxy disable-network-policy "
    "disable-helm-controller embedded-registry supervisor-metrics secrets-encryption "
    "etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 "
    "etcd-s3-skip-ssl-verify etcd-s3-insecure",
}

KEYS: dict[str, K3sKey] = {
    **{n: K3sKey(kind, False) for kind, names in _BOTH.items() for n in names.split()},
    **{n: K3sKey(kind, True) for kind, names in _SERVER.items() for n in names.split()},
    "snapshotter": K3sKey(
        Kind.TEXT, False, ("overlayfs", "native", "fuse-overlayfs", "stargz", "nix", "btrfs", "zfs")
    ),
    "flannel-backend": K3sKey(Kind.TEXT, True, ("vxlan", "none", "host-gw", "wireguard-native")),
    # K3s takes any name, also of manifests of one's own, and skips what it does not know.
    "disable": K3sKey(
        Kind.LIST,
        True,
        ("coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"),
    ),
    "egress-selector-mode": K3sKey(Kind.TEXT, True, ("agent", "cluster", "pod", "disabled")),
    "secrets-encryption-provider": K3sKey(Kind.TEXT, True, ("aescbc", "secretbox")),
}

_TOKEN = "remove it: edgeboot creates the tokens, and an inventory holds no secrets"  # noqa: S105
_DATASTORE = "write 'datastore' below 'cluster:': sqlite, etcd, or where to find its endpoint"
_PORT = "remove it: edgeboot expects the API on port 6443"
_API = "remove it: edgeboot reaches the API at 127.0.0.1:6443 on each server"
_KUBECONFIG = "remove it: edgeboot reads /etc/rancher/k3s/k3s.yaml; `edgeboot kubeconfig` copies it"
_RUNTIME = "remove it: edgeboot configures and checks the containerd that K3s brings"
_PARTS = "remove it: every server runs the whole control plane, its datastore and an agent"
_SECRET = "an inventory holds no secrets; "  # noqa: S105

# Keys that edgeboot writes itself or relies on -> what to do instead.
OWNED: dict[str, str] = {
    "token": _TOKEN,
    "token-file": _TOKEN,
    "agent-token": _TOKEN,
    "agent-token-file": _TOKEN,
    "server": "remove it: nodes join through a server, or through 'vip' of 'cluster'",
    "node-name": "remove it: the node's 'name' is used",
    "with-node-id": "remove it: the node's 'name' is used unchanged",
    "node-ip": "write 'node-ip' next to the node's 'address'",
    "node-label": "write 'labels' of the node, a group or 'defaults'",
    "node-taint": "write 'taints' of the node, a group or 'defaults'",
    "cluster-init": _DATASTORE,
    "datastore-endpoint": _DATASTORE,
    "data-dir": "use 'storage' to keep K3s's data on another disk",
    "https-listen-port": _PORT,
    "supervisor-port": _PORT,
    "apiserver-port": _PORT,
    "advertise-port": _PORT,
    "bind-address": _API,
    "write-kubeconfig": _KUBECONFIG,
    "private-registry": "write 'registries' below 'cluster:', which fills that file",
    "container-runtime-endpoint": _RUNTIME,
    "image-service-endpoint": _RUNTIME,
    "docker": _RUNTIME,
    "rootless": "remove it: edgeboot runs K3s as root",
    **dict.fromkeys(
        (
            "disable-agent",
            "disable-apiserver",
            "disable-controller-manager",
            "disable-etcd",
        ),
        _PARTS,
    ),
    **dict.fromkeys(
        ("cluster-reset", "cluster-reset-restore-path"),
        "remove it: K3s would reset the cluster at every start; run it by hand, once",
    ),
    "vpn-auth": _SECRET + "use 'vpn-auth-file'",
    "etcd-s3-access-key": _SECRET + "use 'etcd-s3-config-secret'",
    "etcd-s3-secret-key": _SECRET + "use 'etcd-s3-config-secret'",
    "etcd-s3-session-token": _SECRET + "use 'etcd-s3-config-secret'",
}


def applies_to(key: str, role: Role) -> bool:
    """Whether a node of this role may have the key: an agent stops at keys it does not know."""
    return role is Role.SERVER or key not in KEYS or not KEYS[key].server_only


class _Words(ListOf[str]):
    """A list of words, or one text with commas between them, as K3s accepts it."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(Choice(words, "component"), or_one=True)

    def read(self, value: Value, at: At) -> tuple[str, ...]:
        """The words."""
        if isinstance(value, Scalar) and isinstance(value.value, str):
            words = value.value.split(",")
            items = tuple(Scalar(word.strip(), word.strip(), value.where) for word in words)
            return super().read(Sequence(items, value.where), at)
        return super().read(value, at)


def _type(known: K3sKey) -> Type[Any]:
    match known.kind:
        case Kind.BOOLEAN:
            return Boolean()
        case Kind.INTEGER:
            return Integer()
        case Kind.LIST if known.choices:
            return _Words(known.choices)
        case Kind.LIST:  # K3s accepts one text for a list of one; from here on it is a list
            return ListOf(Text(syntax.plain), or_one=True)
        case Kind.TEXT:
            return Choice(known.choices) if known.choices else Text(syntax.plain)


_KEYS: tuple[Key[Any], ...] = tuple(optional(name, _type(known)) for name, known in KEYS.items())


def _config(values: Values) -> dict[str, ConfigValue]:
    return {key.name: values[key] for key in _KEYS if values.has(key)}


# Arguments of K3s's parts that move what edgeboot expects at a fixed place -> what to do instead.
_FIXED: dict[str, dict[str, str]] = {
    "kubelet-arg": {
        "root-dir": "use 'storage' to keep K3s's data on another disk",
        "config": "K3s gives the kubelet a configuration of its own; write single arguments",
        "container-runtime-endpoint": _RUNTIME,
        "hostname-override": "the node's 'name' is used",
        "node-ip": "write 'node-ip' next to the node's 'address'",
        "node-labels": "write 'labels' of the node, a group or 'defaults'",
        "register-with-taints": "write 'taints' of the node, a group or 'defaults'",
    },
    "kube-apiserver-arg": {"secure-port": _PORT, "bind-address": _API, "etcd-servers": _DATASTORE},
    "etcd-arg": {"data-dir": "use 'storage' to keep K3s's data on another disk"},
}


def _moved(values: Values) -> Iterator[BadInput]:
    """Arguments that would take what edgeboot relies on to another place."""
    for key in _KEYS:
        for argument in values[key] or () if key.name in _FIXED and values.has(key) else ():
            name = argument.lstrip("-").partition("=")[0]
            if name in _FIXED[key.name]:
                what = f"'{name}' is not allowed in '{key.name}'"
                hint = _FIXED[key.name][name].removeprefix("remove it: ")
                yield values.error(key, what, hint)


CONFIG = Section(_KEYS, _config, refused=OWNED, ref="config", rules=(_moved,))
