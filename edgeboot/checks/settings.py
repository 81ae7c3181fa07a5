"""Whether a host matches the inventory: board, addresses, disk, time servers, files."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, fixable, refuse, warn
from edgeboot.components.host import clock
from edgeboot.components.host.storage import directory_on
from edgeboot.inventory.host.boards import BOARDS
from edgeboot.plan import paths


def board(subject: Subject) -> Iterator[Complaint]:
    """The board is the one the inventory names."""
    name, model = subject.node.host.board, subject.facts.traits.board
    if name and not model.startswith(BOARDS[name].model):
        has = f"it is a {model}" if model else "the host does not report a board"
        yield warn(f"the inventory says `board: {name}`, but {has}", "correct `board`")


def addresses(subject: Subject) -> Iterator[Complaint]:
    """It is clear which address the cluster uses for it."""
    has = subject.facts.condition.addresses
    if not has:
        return
    wanted, listed = subject.node.node_ips, ", ".join(f"{a} ({i})" for a, i in has.items())
    if wanted:
        for one in (one for one in wanted if one not in has):
            yield refuse(
                f"`node-ip: {one}` is not among its addresses: {listed}",
                "correct `node-ip`; an address behind NAT is `node-external-ip`",
            )
        return
    found = [one for one in has if ipaddress.ip_address(one).version == 4]
    if len(found) > 1:
        own = subject.node.address
        best = own if own in has else found[0]
        yield warn(
            f"it has several addresses and no `node-ip`: {listed}; K3s uses the one of the "
            "default route, which may change",
            f"set `node-ip: {best}`",
        )


def storage(subject: Subject) -> Iterator[Complaint]:
    """The disk for K3s's data is mounted, and the data is not elsewhere already."""
    path = subject.node.host.storage
    unit = subject.facts.files.get(paths.MOUNT)
    mounted = "storage" in subject.facts.done
    if path is None:
        if unit is not None and mounted:
            yield warn(
                f"{paths.MOUNT} puts K3s's data on another disk, but the inventory no longer has "
                "`storage`",
                "restore `storage`, or move the data back by hand",
            )
        return
    if subject.facts.traits.init != "systemd":
        yield refuse(
            "`storage` needs systemd",
            f"mount a directory of the disk at {paths.DATA} in /etc/fstab, and remove `storage`",
        )
        return
    yield from _place(subject, path)
    there = (unit.content or b"").decode("utf-8", "replace") if unit else ""
    if mounted and f"What={directory_on(path)}\n" not in there:
        yield refuse(
            f"K3s's data is on another disk than {path}",
            f"stop K3s, copy the data to {directory_on(path)}, remove {paths.MOUNT} and "
            f"{paths.OURS}/done-storage, then rerun",
        )
    elif not mounted and any(p in subject.facts.files for p in (paths.SERVER, paths.AGENT)):
        yield refuse(
            f"K3s's data is already in {paths.DATA}, which mounting {path} would hide",
            f"stop K3s, move the data to {directory_on(path)}, empty {paths.DATA}, then rerun",
        )


def _place(subject: Subject, path: str) -> Iterator[Complaint]:
    seen = subject.facts.condition.filesystems
    if path not in seen or "/" not in seen:
        return
    if seen[path].device == seen["/"].device:
        yield refuse(
            f"nothing is mounted at {path}, so K3s's data would be on the system disk",
            "mount the disk there, in /etc/fstab for every boot, or correct `storage`",
        )
    elif not seen[path].writable:
        yield refuse(
            f"{path} is read-only",
            f"run `mount -o remount,rw {path}`; if that fails, look for disk errors in `dmesg`",
        )


def time(subject: Subject) -> Iterator[Complaint]:
    """The host has a time daemon that can use the site's servers."""
    servers = subject.node.host.time_servers
    if servers and clock.daemon_of(subject.facts.traits.has) is None:
        yield refuse(
            f"it cannot use the time servers {', '.join(servers)}: it has neither "
            "systemd-timesyncd nor a chrony that reads a configuration directory",
            "install one of them (or add `confdir /etc/chrony.d` to chrony.conf), or remove `time`",
        )


def files(subject: Subject) -> Iterator[Complaint]:
    """The destinations of `files` are not directories, and in none of another user's."""
    for file in subject.node.host.files:
        directory = file.dest.rpartition("/")[0] or "/"
        parent = subject.facts.files.get(directory)
        if parent is not None and (parent.owner.partition(":")[0] != "0" or parent.mode & 0o002):
            yield refuse(
                f"{directory}, where {file.dest} belongs, can be changed by others than root, who "
                "could lead root elsewhere",
                f"choose another `dest` under `files`, or run `chown root {directory}; chmod go-w "
                f"{directory}` on the host",
            )
        have = subject.facts.files.get(file.dest)
        if have is not None and have.kind not in {"file", "link"}:
            yield refuse(
                f"{file.dest} is a {have.kind} on this host", "correct `dest` under `files`"
            )


def power_save(subject: Subject) -> Iterator[Complaint]:
    """Its Wi-Fi does not save power, which drops packets, and heartbeats with them."""
    saving = subject.facts.condition.power_save
    if not saving:
        return
    names = ", ".join(sorted(saving))
    if subject.facts.traits.board and "wifi" not in subject.facts.done:
        yield fixable(
            f"power saving on {names} drops packets", "turn power saving off, now and at boot"
        )
    else:
        commands = "; ".join(f"iw dev {name} set power_save off" for name in sorted(saving))
        yield warn(f"power saving on {names} drops packets", f"run `{commands}`")
