"""Contexts for components, and what their files say."""

from __future__ import annotations

from collections.abc import Iterable

from edgeboot.bundle.format.contents import Contents, Item
from edgeboot.components.context import Context
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.resources import File, KnownAfter, Resource, text
from edgeboot.platform import AMD64
from edgeboot.secret import Secret

TRAITS = HostTraits("x86_64", "debian 12", "systemd", 2, frozenset(), 1 << 30, 4, "a", "b", 1, True)
SERVER = Node("server-1", "192.0.2.11", Role.SERVER)
AGENT = Node("agent-1", "192.0.2.21", Role.AGENT)
VERSION = "v1.36.2+k3s1"


def context(
    cluster: Cluster | None = None,
    node: Node | None = None,
    items: Iterable[Item] = (),
    version: str | None = None,
) -> Context:
    """A node of a cluster, by default its first, on an ordinary host."""
    cluster = cluster or Cluster("edge", (SERVER, AGENT))
    return Context(
        cluster=cluster,
        node=node or cluster.nodes[0],
        traits=TRAITS,
        arch=AMD64,
        contents=Contents("edge", version or VERSION, ("amd64",), tuple(items), (), ()),
        join_token=text(""),
        blob_source=lambda blob: text(blob.sha256),
        archive_source=lambda _: text(""),
    )


def text_of(file: Resource) -> str:
    """What a file will say, secret or not."""
    assert isinstance(file, File)
    match file.content:
        case Secret(value):
            return value.decode()
        case KnownAfter():
            raise AssertionError(f"{file.path} is not known yet")
        case source:
            return b"".join(source.open()).decode()
