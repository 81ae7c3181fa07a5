"""Disks: space for what the plan needs, read-only file systems, the kind of disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.inventory.model import Role
from edgeboot.plan import paths
from edgeboot.plan.condition import Filesystem
from edgeboot.plan.steps import Upload, human_size

_RESERVE = 64 << 20  # bytes to leave free
_EVICTION = 0.05  # kubelet evicts pods below 5 % (K3s pkg/daemons/agent/agent.go)
_WRITTEN = ("/usr/local/bin", "/etc/rancher", "/etc/systemd/system", paths.DATA, paths.OURS)


def disk_space(subject: Subject) -> Iterator[Complaint]:
    """Every file system has space for what is sent to it and for what K3s unpacks from it."""
    seen = _seen(subject)
    if subject.contents is None or paths.DATA not in seen:
        if subject.contents is None:
            yield unknown("cannot check disk space: no bundle given", "pass --bundle FILE")
        else:
            yield unknown(
                f"cannot check disk space: the host did not report {paths.DATA}",
                f"run `df {paths.DATA}` on the host",
            )
        return
    needs = _needs(subject, seen)
    for device, places in _by_device(seen).items():
        filesystem, need = seen[places[0]], needs[device]
        where = ", ".join(places)
        if need and filesystem.free < need + _RESERVE:
            yield refuse(
                f"not enough disk space at {where}: {human_size(filesystem.free)} free, "
                f"{human_size(need + _RESERVE)} needed ({human_size(need)} for this install, "
                f"{human_size(_RESERVE)} to stay free)",
                f"free {_rounded_up(need + _RESERVE - filesystem.free)} there, or mount a larger "
                "disk",
            )
        elif paths.DATA in places and filesystem.free - need < filesystem.total * _EVICTION:
            yield warn(
                f"less than 5 % of {where} would stay free, at which the kubelet evicts pods",
                "free some space, or mount a larger disk",
            )


def _rounded_up(size: int) -> str:
    """Whole MiB, so that freeing as much is enough."""
    return f"{-(-size >> 20)} MiB"


def _seen(subject: Subject) -> dict[str, Filesystem]:
    """The file systems by path, with K3s's data on the disk that the inventory names."""
    seen = dict(subject.facts.condition.filesystems)
    disk = subject.node.host.storage
    return seen | ({paths.DATA: seen[disk]} if disk in seen else {})


def _needs(subject: Subject, seen: Mapping[str, Filesystem]) -> Counter[int]:
    """Bytes needed by file system. Both copies of a file that is replaced exist for a moment.

    K3s imports images and unpacks its binary below its data directory, so these count twice.
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
    """Every directory that install writes to is writable."""
    seen = subject.facts.condition.filesystems
    closed = [place for place in _WRITTEN if place in seen and not seen[place].writable]
    if closed:
        yield refuse(
            f"read-only: {', '.join(closed)}",
            "run `mount -o remount,rw` there, or turn off the overlay file system; a failed card "
            "stays read-only: see `dmesg`",
        )


def executable(subject: Subject) -> Iterator[Complaint]:
    """The programs that K3s unpacks and starts may be started, and those in volumes."""
    mounts = subject.facts.condition.mounts
    disk = subject.node.host.storage
    seen = {**mounts, paths.DATA: mounts.get(disk)} if disk else mounts
    for place, forbids, why in (
        ("/usr/local/bin", "noexec", "K3s itself"),
        (paths.DATA, "noexec", "the programs that K3s unpacks there"),
        ("/var/lib/kubelet", "noexec", "programs in volumes of pods"),
        ("/usr/local/bin", "nosuid", "K3s in its SELinux domain"),
        (paths.DATA, "nosuid", "containerd in its SELinux domain"),
    ):
        mount = seen.get(place)
        if mount is None or forbids not in mount.options:
            continue
        if forbids == "nosuid" and subject.facts.condition.selinux != "enforcing":
            continue
        allows = forbids.removeprefix("no")
        what = f"{place} is on {mount.point}, mounted {forbids}: {why} cannot be started"
        fix = (
            f"run `mount -o remount,{allows} {mount.point}` and remove {forbids} from its line in "
            "/etc/fstab"
        )
        yield warn(what, fix) if place == "/var/lib/kubelet" else refuse(what, fix)


def medium(subject: Subject) -> Iterator[Complaint]:
    """The database is not on an SD card or a rotating disk."""
    data = _seen(subject).get(paths.DATA)
    if data is None or subject.node.role is not Role.SERVER:
        return
    if data.medium == "sd-card":
        yield warn(
            f"{paths.DATA} of a server is on an SD card, which is slow and which its database "
            "wears out",
            "set `storage: {path: /mnt/ssd}` with an SSD mounted there",
        )
    elif data.medium == "rotating":
        yield warn(
            f"{paths.DATA} of a server is on a rotating disk, which is slow", "mount an SSD there"
        )
