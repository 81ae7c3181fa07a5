"""Whether a host can be what the inventory says of it: board, addresses, disk, clock, files."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, mended, refuse, warn
from edgeboot.components.host import clock
from edgeboot.components.host.storage import directory_on
from edgeboot.inventory.host.boards import BOARDS
from edgeboot.plan import paths


def board(subject: Subject) -> Iterator[Complaint]:
    """The board is the one the inventory names."""
    name, model = subject.node.host.board, subject.facts.traits.board
    if name and not model.startswith(BOARDS[name].model):
        has = f"it is a {model}" if model else "it does not say what board it is"
        yield warn(f"the inventory says `board: {name}`, but {has}", "correct `board`")


def addresses(subject: Subject) -> Iterator[Complaint]:
    """It is clear by which address the cluster knows it."""
    has = subject.facts.condition.addresses
    if not has:
        return
    wanted, listed = subject.node.node_ip, ", ".join(f"{a} ({i})" for a, i in has.items())
    if wanted:
        if wanted not in has:
            yield refuse(
                f"`node-ip: {wanted}` is none of its addresses: {listed}",
                "correct `node-ip`; an address that is translated elsewhere is `node-external-ip`",
            )
        return
    found = [one for one in has if ipaddress.ip_address(one).version == 4]
    if len(found) > 1:
        own = subject.node.address
        best = own if own in has else found[0]
        yield warn(
            f"it has several addresses and no `node-ip`: {listed}; K3s takes that of the default "
            "route, which may change",
            f"write `node-ip: {best}`",
        )


def storage(subject: Subject) -> Iterator[Complaint]:
    """The disk for K3s's data is there, and they do not lie elsewhere already."""
    path = subject.node.host.storage
    unit = subject.facts.files.get(paths.MOUNT)
    mounted = "storage" in subject.facts.done
    if path is None:
        if unit is not None and mounted:
            yield warn(
                f"K3s's data lie on another disk by {paths.MOUNT}, which the inventory does not "
                "mention any more",
                "write `storage` again, or move the data back by hand",
            )
        return
    if subject.facts.traits.init != "systemd":
        yield refuse(
            "`storage` needs systemd",
            f"mount a directory of the disk at {paths.DATA} in /etc/fstab, and drop `storage`",
        )
        return
    yield from _place(subject, path)
    there = (unit.content or b"").decode("utf-8", "replace") if unit else ""
    if mounted and f"What={directory_on(path)}\n" not in there:
        yield refuse(
            f"K3s's data lie on another disk than {path}",
            f"stop K3s, copy them to {directory_on(path)}, remove {paths.MOUNT} and "
            f"{paths.OURS}/done-storage, and run this again",
        )
    elif not mounted and any(p in subject.facts.files for p in (paths.SERVER, paths.AGENT)):
        yield refuse(
            f"K3s's data lie in {paths.DATA} already, and would be hidden by {path}",
            f"stop K3s, move them to {directory_on(path)}, empty {paths.DATA}, and run this again",
        )


def _place(subject: Subject, path: str) -> Iterator[Complaint]:
    seen = subject.facts.condition.filesystems
    if path not in seen or "/" not in seen:
        return
    if seen[path].device == seen["/"].device:
        yield refuse(
            f"nothing is mounted at {path}: K3s's data would lie on the system's own disk",
            "mount the disk there, in /etc/fstab for every boot, or correct `storage`",
        )
    elif not seen[path].writable:
        yield refuse(f"{path} is read-only", "`mount -o remount,rw`; a failing disk: see `dmesg`")


def time(subject: Subject) -> Iterator[Complaint]:
    """There is a time daemon that can be told of the site's servers."""
    servers = subject.node.host.time_servers
    if servers and clock.daemon_of(subject.facts.traits.has) is None:
        yield refuse(
            f"it cannot be told to ask {', '.join(servers)}: it has neither systemd-timesyncd nor "
            "a chrony that reads a directory",
            "install one of them (or add `confdir /etc/chrony.d` to chrony.conf), or drop `time`",
        )


def files(subject: Subject) -> Iterator[Complaint]:
    """No directory is where a file shall be placed."""
    for file in subject.node.host.files:
        have = subject.facts.files.get(file.dest)
        if have is not None and have.kind not in {"file", "link"}:
            yield refuse(f"{file.dest} is a {have.kind} there", "correct `dest` under `files`")


def power_save(subject: Subject) -> Iterator[Complaint]:
    """Its Wi-Fi does not save power: packets get lost, and heartbeats with them."""
    saving = subject.facts.condition.power_save
    if not saving:
        return
    names = ", ".join(sorted(saving))
    if subject.facts.traits.board and "wifi" not in subject.facts.done:
        yield mended(f"{names} saves power and loses packets", "turn it off, now and at boot")
    else:
        yield warn(f"{names} saves power and loses packets", f"`iw dev {names} set power_save off`")
