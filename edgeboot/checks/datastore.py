"""Where the cluster's state is and where the inventory puts it: K3s migrates only forward."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse, warn
from edgeboot.inventory.cluster.servers import warnings
from edgeboot.inventory.model import DatastoreKind, Role
from edgeboot.plan import paths


def datastore(subject: Subject) -> Iterator[Complaint]:
    """The data on a server's disk matches the inventory's datastore."""
    if subject.node.role is not Role.SERVER:
        return
    kind, files = subject.cluster.datastore.kind, subject.facts.files
    if paths.TOMBSTONE in files:
        yield warn(
            "it has been removed from the cluster's etcd",
            "nothing to do: it rejoins as a learner and copies the others' data",
        )
    elif paths.ETCD_DATA in files and kind is not DatastoreKind.ETCD:
        yield refuse(
            f"it is an etcd member, but the inventory says '{kind.value}', which K3s would ignore",
            "set `datastore: etcd` under `cluster:`; only `edgeboot reset` leaves etcd",
        )
    elif paths.DATABASE in files and kind is DatastoreKind.EXTERNAL:
        yield refuse(
            f"{paths.DATABASE} holds the cluster's data, which K3s does not copy to the external "
            "datastore in the inventory",
            "keep `datastore: sqlite`, or run `edgeboot reset` and start over",
        )
    elif paths.DATABASE in files and kind is DatastoreKind.ETCD and not _is_member(subject):
        yield warn(
            "its SQLite database migrates to etcd at the restart; K3s cannot migrate it back",
            f"nothing to do: {paths.DATABASE} is kept as state.db.migrated",
        )


def servers(subject: Subject) -> Iterator[Complaint]:
    """The number of servers suits etcd, and their disks are fast enough."""
    if subject.node.role is not Role.SERVER:
        return
    if subject.node == subject.cluster.servers[0]:
        for line in warnings(subject.cluster):
            what, _, fix = line.rpartition("; " if "; " in line else ": ")
            yield warn(what, fix)
    data = subject.facts.condition.filesystems.get(paths.DATA)
    slow = data is not None and data.medium in {"sd-card", "emmc", "rotating"}
    if data and slow and subject.cluster.datastore.kind is DatastoreKind.ETCD:
        yield warn(
            f"etcd syncs every write to {paths.DATA}, which is on {_MEDIA[data.medium]}: expect "
            "leader elections and worn-out cards",
            "mount an SSD there, or use one server with `datastore: sqlite`",
        )


_MEDIA = {"sd-card": "an SD card", "emmc": "eMMC flash", "rotating": "a rotating disk"}


def _is_member(subject: Subject) -> bool:
    return paths.ETCD_DATA in subject.facts.files
