"""The values an inventory becomes. They are complete: groups and defaults are already folded in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from edgeboot.inventory.cluster import Components
from edgeboot.inventory.host.host import Host
from edgeboot.inventory.k3s_keys import ConfigValue as ConfigValue
from edgeboot.inventory.role import Role as Role
from edgeboot.secret import Secret


class DatastoreKind(StrEnum):
    """Where K3s keeps the cluster's state."""

    SQLITE = "sqlite"
    ETCD = "etcd"  # embedded, on the servers themselves
    EXTERNAL = "external"


@dataclass(frozen=True)
class Datastore:
    """``endpoint`` is that of an external one: a URL with a password in it."""

    kind: DatastoreKind = DatastoreKind.SQLITE
    endpoint: Secret | None = None


@dataclass(frozen=True)
class Jump:
    """A host that another one is reached through (``ProxyJump``)."""

    address: str
    user: str | None = None
    port: int | None = None
    key: Path | None = None
    host_key: str | None = None
    password: bool = False


@dataclass(frozen=True)
class Ssh:
    """How to get into a node; None leaves the choice to ``~/.ssh/config`` and SSH's defaults.

    ``host_key`` is a public key (``ssh-ed25519 AAAA…``) or a fingerprint (``SHA256:…``).
    ``password`` says that one is to be asked for where no key gets in.
    """

    user: str | None = None
    port: int | None = None
    key: Path | None = None
    host_key: str | None = None
    jump: Jump | None = None
    password: bool = False


@dataclass(frozen=True)
class Budget:
    """What a node may use; None means unlimited. Bytes, thousandths of a core, bytes.

    ``more`` has the limits of other figures by name (``inventory.budgets``: ``files``,
    ``containerd.memory`` …); ``base`` names the budget that fills what is left open.
    """

    memory: int | None = None
    cpu: int | None = None
    disk: int | None = None
    more: Mapping[str, int] = field(default_factory=dict, hash=False)
    base: str | None = None


@dataclass(frozen=True)
class Node:
    """One host of the cluster."""

    name: str
    address: str
    role: Role
    ssh: Ssh = Ssh()
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    node_ip: str | None = None
    second_node_ip: str | None = None  # of the other family, in a dual-stack cluster
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    budget: Budget = Budget()
    groups: tuple[str, ...] = ()  # only to name them in --limit: what they say is folded in
    where: str = ""  # file:line of its entry
    profiles: frozenset[str] = frozenset()
    host: Host = field(default_factory=Host)

    @property
    def node_ips(self) -> tuple[str, ...]:
        """The addresses inside the cluster that the inventory names; the first one counts more."""
        return tuple(filter(None, (self.node_ip, self.second_node_ip)))


@dataclass(frozen=True)
class Cluster:
    """A whole inventory. ``config`` holds K3s's own keys; server-only ones go to servers only.

    ``bundle_keys`` are the minisign keys whose bundles may be installed.
    """

    name: str
    nodes: tuple[Node, ...]
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    bundle: Path | None = None
    where: str = ""
    bundle_keys: tuple[str, ...] = ()
    allow_unsigned: bool = False
    datastore: Datastore = Datastore()
    vip: str | None = None  # an address that all servers answer at together
    away: tuple[Node, ...] = ()  # nodes of the inventory that have no part in this run
    order: tuple[str, ...] = ()  # names of all nodes in the inventory's order, where some are away
    components: Components = field(default_factory=Components)

    @property
    def servers(self) -> tuple[Node, ...]:
        """The servers, in the inventory's order; the first one starts the cluster."""
        return tuple(n for n in self.nodes if n.role is Role.SERVER)

    def without(self, names: Collection[str]) -> Cluster:
        """The same cluster while some of its nodes are away."""
        gone = tuple(node for node in self.nodes if node.name in names)
        rest = tuple(node for node in self.nodes if node.name not in names)
        order = tuple(node.name for node in self.every_node)
        return replace(self, nodes=rest, away=(*self.away, *gone), order=order)

    @property
    def every_node(self) -> tuple[Node, ...]:
        """The nodes of the inventory in its order, including those that are away."""
        if not self.away:
            return self.nodes
        return tuple(sorted((*self.nodes, *self.away), key=lambda n: self.order.index(n.name)))

    @property
    def every_server(self) -> tuple[Node, ...]:
        """The servers of the inventory in its order, including those that are away."""
        return tuple(node for node in self.every_node if node.role is Role.SERVER)

    @property
    def agents(self) -> tuple[Node, ...]:
        """The agents, in the inventory's order."""
        return tuple(n for n in self.nodes if n.role is Role.AGENT)
