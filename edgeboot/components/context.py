"""What a component may know when it says what a node should have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from edgeboot.blob import Blob, Source
from edgeboot.bundle.format.contents import Contents, ImageArchive
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.inventory.secrets import SecretRef
from edgeboot.inventory.secrets import read as read_secret
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.resources import Content
from edgeboot.platform import Arch
from edgeboot.secret import Secret


@dataclass(frozen=True)
class JoinConfig:
    """How a node gets into its cluster: it ``begins`` one on etcd, or joins at ``url``.

    Neither is so for a server with SQLite, or with a datastore that is elsewhere.
    """

    begins: bool = False
    url: str | None = None


@dataclass(frozen=True)
class AppliedLabels:
    """The labels (keys) and taints that edgeboot may have set on a Node object by now.

    ``settled`` is False while some of them have still to be set or removed. A node that is not
    ``registered`` gets what its configuration says from K3s itself.
    """

    labels: frozenset[str] = frozenset()
    taints: frozenset[str] = frozenset()
    settled: bool = True
    registered: bool = False


class TokenFate(Enum):
    """What becomes of the token file that a server has."""

    KEPT = "kept"  # where the server is first; others get theirs in full
    REPLACED = "replaced"  # it is not the cluster's any more
    CHANGES = "changes"  # on the host itself, by K3s


@dataclass(frozen=True)
class Context:
    """One node, in its cluster, with what the bundle has for it.

    ``join_token`` is what this node's token file shall hold: a fresh password for the server that
    is first, the full token of the cluster for the others, that of agents for agents.
    ``agent_token`` is the password agents show, which servers have to know. The two functions turn
    items of the bundle into bytes, so that components need not know how a bundle is stored;
    ``secret`` reads one that the inventory points to.
    """

    cluster: Cluster
    node: Node
    traits: HostTraits
    arch: Arch
    contents: Contents
    join_token: Content
    blob_source: Callable[[Blob], Source]
    archive_source: Callable[[ImageArchive], Source]
    secret: Callable[[SecretRef], Secret] = read_secret
    agent_token: Content | None = None
    token_fate: TokenFate = TokenFate.KEPT
    join: JoinConfig | None = None
    applied_labels: AppliedLabels = AppliedLabels()

    @property
    def service(self) -> str:
        """Name of K3s's service on this node, as K3s's own installer names it."""
        return service_of(self.node.role)


def service_of(role: Role) -> str:
    """Name of K3s's service in a role."""
    return "k3s" if role is Role.SERVER else "k3s-agent"
