"""A server and two agents on fake hosts, and the bundle they are installed from."""

from __future__ import annotations

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents, Image, ImageArchive, Item, Role
from edgeboot.events import silent
from edgeboot.inventory.model import Cluster, Node
from edgeboot.inventory.model import Role as NodeRole
from edgeboot.lifecycle.cluster_state import BundleView
from edgeboot.lifecycle.install.run import Installed, install
from edgeboot.plan.resources import text
from edgeboot.transport.fake.host import FakeCluster, FakeHost

VERSION = "v1.36.2+k3s1"
BINARY, ARCHIVE = b"\x7fELF k3s", b"images"
CHART = b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hello"}}'
SOURCES = {text(data.decode("latin-1")).sha256: data for data in (BINARY, ARCHIVE, CHART)}
IMAGES = {"docker.io/rancher/mirrored-pause:3.6": "sha256:" + "a" * 64}


def blob(data: bytes) -> Blob:
    return Blob(text(data.decode("latin-1")).sha256, len(data))


CONTENTS = Contents(
    name="test",
    k3s_version=VERSION,
    arches=("amd64",),
    items=(
        Item(Role.K3S_BINARY, "k3s", blob(BINARY), arch="amd64", version=VERSION),
        Item(Role.CHART, "hello", blob(CHART), version="1.0.0"),
    ),
    images=(Image("docker.io/rancher/mirrored-pause:3.6", "amd64", "a" * 64, "a" * 64, "m", ()),),
    archives=(ImageArchive("pause", "amd64", blob(ARCHIVE), tuple(IMAGES)),),
)
BUNDLE = BundleView(
    CONTENTS,
    blob_source=lambda b: text(SOURCES[b.sha256].decode("latin-1")),
    archive_source=lambda a: text(SOURCES[a.blob.sha256].decode("latin-1")),
    check=lambda: None,
)
CLUSTER = Cluster(
    "edge",
    (
        Node("server-1", "192.0.2.11", NodeRole.SERVER),
        Node("agent-1", "192.0.2.21", NodeRole.AGENT),
        Node("agent-2", "192.0.2.22", NodeRole.AGENT),
    ),
)


def hosts() -> dict[str, FakeHost]:
    shared = FakeCluster(VERSION, IMAGES)
    return {node.name: FakeHost(node.name, shared) for node in CLUSTER.nodes}


def run(fakes: dict[str, FakeHost], cluster: Cluster = CLUSTER) -> Installed:
    used = {node.name: fakes[node.name] for node in cluster.nodes}
    try:
        return install(cluster, BUNDLE, used, confirm=lambda _plan: True, tell=silent, patience=0.0)
    finally:
        for fake in used.values():
            fake.close()


def state(fakes: dict[str, FakeHost]) -> dict[str, object]:
    """What an installed fleet looks like, apart from the random token."""
    return {
        name: (
            {
                path: (f.mode, f.data, f.directory)
                for path, f in host.files.items()
                if "token" not in path
            },
            host.units,
        )
        for name, host in fakes.items()
    }


def cuts() -> list[tuple[str, int, bool]]:
    """Every operation of a clean install: the host, its number there, and before or after it."""
    fakes = hosts()
    run(fakes)
    return [
        (name, at, after)
        for name, host in fakes.items()
        for at in range(host.operations)
        for after in (False, True)
    ]


def is_bare(host: FakeHost) -> bool:
    return not (host.files or host.units or host.owned or host.started_with or host.locked)
