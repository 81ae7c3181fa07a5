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
    """How a node joins: it ``begins`` an etcd cluster, or joins one at ``url``.

    Neither for a server with SQLite or an external datastore.
    """

    begins: bool = False
    url: str | None = None


@dataclass(frozen=True)
class AppliedLabels:
    """The labels (keys) and taints that edgeboot may have set on a Node object so far.

    ``settled`` is False while some still have to be set or removed. A node that is not
    ``registered`` yet gets those of its configuration from K3s itself.
    """

    labels: frozenset[str] = frozenset()
    taints: frozenset[str] = frozenset()
    settled: bool = True
    registered: bool = False


class TokenFate(Enum):
    """What happens to the token file on a server."""

    KEPT = "kept"  # on the first server; others get the full token
    REPLACED = "replaced"  # it is no longer the cluster's
    CHANGES = "changes"  # K3s changes it on the host


@dataclass(frozen=True)
class Context:
    """One node in its cluster, with what the bundle has for it.

    ``join_token`` is the content of this node's token file: a fresh password on the first server,
    the cluster's full token on other servers, the agents' token on agents. ``agent_token`` is the
    agents' password, which servers must know. The two functions return the bytes of items in the
    bundle, so that components do not depend on how a bundle is stored; ``secret`` reads a secret
    that the inventory refers to.
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
