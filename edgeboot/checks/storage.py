"""Where bytes go: room for what the plan needs, read-only file systems, the kind of disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.inventory.model import Role
from edgeboot.plan import paths
from edgeboot.plan.condition import Filesystem
from edgeboot.plan.steps import Upload, human_size

_ROOM_LEFT = 64 << 20
_EVICTION = 0.05  # kubelet evicts pods below 5 % (K3s pkg/daemons/agent/agent.go)
_WRITTEN = ("/usr/local/bin", "/etc/rancher", "/etc/systemd/system", paths.DATA, paths.OURS)


def room(subject: Subject) -> Iterator[Complaint]:
    """Every file system has room for what is sent to it, and for what K3s makes of that."""
    seen = _seen(subject)
    if subject.contents is None or paths.DATA not in seen:
        why = "no bundle is named" if subject.contents is None else "its file systems are not seen"
        yield unknown(f"whether there is room for everything: {why}", "give --bundle FILE")
        return
    needs = _needs(subject, seen)
    for device, places in _by_device(seen).items():
        filesystem, need = seen[places[0]], needs[device]
        where = ", ".join(places)
        if need and filesystem.free < need + _ROOM_LEFT:
            yield refuse(
                f"{where}: {human_size(filesystem.free)} left, {human_size(need)} are needed",
                "make room there, or mount a larger disk",
            )
        elif paths.DATA in places and filesystem.free - need < filesystem.total * _EVICTION:
            yield warn(
                f"{where}: less than 5 % will be left, and the kubelet evicts pods then",
                "make room there, or mount a larger disk",
            )


def _seen(subject: Subject) -> dict[str, Filesystem]:
    """The file systems, K3s's data on the disk that the inventory gives them."""
    seen = dict(subject.facts.condition.filesystems)
    disk = subject.node.host.storage
    return seen | ({paths.DATA: seen[disk]} if disk in seen else {})


def _needs(subject: Subject, seen: Mapping[str, Filesystem]) -> Counter[int]:
    """Bytes by file system. Both copies of what is replaced exist for a moment.

    K3s imports its images and unpacks its binary below its data directory: they are there twice.
    """
    needs: Counter[int] = Counter()
    for step in subject.steps:
        if isinstance(step, Upload):
            if step.path == paths.K3S_BINARY:
                needs[seen["/usr/local/bin"].device] += step.source.size
            needs[seen[paths.DATA].device] += step.source.size * 2
    return needs


def _by_device(seen: Mapping[str, Filesystem]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for place in ("/usr/local/bin", paths.DATA):
        if place in seen:
            found.setdefault(seen[place].device, []).append(place)
    return found


def writable(subject: Subject) -> Iterator[Complaint]:
    """Everything that is to be written to can be."""
    seen = subject.facts.condition.filesystems
    closed = [place for place in _WRITTEN if place in seen and not seen[place].writable]
    if closed:
        yield refuse(
            f"read-only: {', '.join(closed)}",
            "`mount -o remount,rw`, or turn the overlay file system off; a card that failed stays "
            "read-only: see `dmesg`",
        )


def medium(subject: Subject) -> Iterator[Complaint]:
    """A database does not lie on an SD card or a rotating disk."""
    data = _seen(subject).get(paths.DATA)
    if data is None or subject.node.role is not Role.SERVER:
        return
    if data.medium == "sd-card":
        yield warn(
            f"{paths.DATA} of a server lies on an SD card: slow, and worn out by its database",
            "write `storage: {path: /mnt/ssd}` with an SSD mounted there",
        )
    elif data.medium == "rotating":
        yield warn(f"{paths.DATA} of a server lies on a rotating disk", "mount an SSD there")
