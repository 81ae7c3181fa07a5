"""Where the cluster's state is, and where the inventory wants it: K3s turns back from neither."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse, warn
from edgeboot.inventory.cluster.servers import warnings
from edgeboot.inventory.model import DatastoreKind, Role
from edgeboot.plan import paths


def datastore(subject: Subject) -> Iterator[Complaint]:
    """What is on a server's disk goes with the inventory's datastore."""
    if subject.node.role is not Role.SERVER:
        return
    kind, files = subject.cluster.datastore.kind, subject.facts.files
    if paths.TOMBSTONE in files:
        yield warn(
            "it has been removed from the cluster's etcd",
            "it joins anew, as a learner, and copies the data of the others",
        )
    elif paths.ETCD_DATA in files and kind is not DatastoreKind.ETCD:
        yield refuse(
            f"it is a member of etcd, and the inventory says '{kind.value}': K3s would ignore that",
            "write `datastore: etcd` below `cluster:`; there is no way back but `edgeboot reset`",
        )
    elif paths.DATABASE in files and kind is DatastoreKind.EXTERNAL:
        yield refuse(
            f"{paths.DATABASE} holds the cluster, and the datastore of the inventory would be used "
            "in its place, without anything of it",
            "keep `datastore: sqlite`, or `edgeboot reset` and begin anew",
        )
    elif paths.DATABASE in files and kind is DatastoreKind.ETCD and not _is_member(subject):
        yield warn(
            "its SQLite database becomes etcd's at the restart; K3s does not turn it back",
            f"nothing to do: {paths.DATABASE} stays beside it as state.db.migrated",
        )


def servers(subject: Subject) -> Iterator[Complaint]:
    """As many servers as etcd makes sense with, on disks that bear it."""
    if subject.node.role is not Role.SERVER:
        return
    if subject.node == subject.cluster.servers[0]:
        for line in warnings(subject.cluster):
            what, _, mend = line.rpartition("; " if "; " in line else ": ")
            yield warn(what, mend)
    data = subject.facts.condition.filesystems.get(paths.DATA)
    slow = data is not None and data.medium in {"sd-card", "emmc", "rotating"}
    if data and slow and subject.cluster.datastore.kind is DatastoreKind.ETCD:
        yield warn(
            f"etcd writes to {paths.DATA} all the time and waits for it, and that is "
            f"{_MEDIA[data.medium]}: leaders change, cards wear out",
            "mount an SSD there, or keep one server with `datastore: sqlite`",
        )


_MEDIA = {"sd-card": "an SD card", "emmc": "eMMC flash", "rotating": "a rotating disk"}


def _is_member(subject: Subject) -> bool:
    return paths.ETCD_DATA in subject.facts.files
