"""The record of a lab, ``lab.json`` in its state directory, and where its files are.

Written before anything else is created. ``list`` and ``find_host`` read it; removing a lab does not
depend on it (see ``names``).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgeboot.localio import atomic
from edgeboot_lab.errors import LabBadInput, LabFailed, LabRefused

_FIRST_HOST = 11
_UNQUOTABLE = set(",:\\\"' \t\n")


@dataclass(frozen=True)
class LabRecord:
    """A lab as asked for: nodes in order, memory in bytes (None: no ceiling), addresses."""

    name: str
    nodes: tuple[str, ...]
    memory_bytes: int | None
    subnet: IPv4Network

    @property
    def gateway(self) -> IPv4Address:
        """The bridge's own address, the hosts' default route."""
        return self.subnet.network_address + 1

    def address(self, node: str) -> IPv4Address:
        """The address of one host: .11 for the first."""
        return self.subnet.network_address + _FIRST_HOST + self.nodes.index(node)

    def mac(self, node: str) -> str:
        """The hardware address of one host's eth0: a locally administered one, for life.

        After a power cut its neighbours know it by the same one, as with a real network card.
        """
        return ":".join(f"{byte:02x}" for byte in (0x02, 0xEB, *self.address(node).packed))


@dataclass(frozen=True)
class LabFiles:
    """Where the lab ``name`` keeps its files."""

    state_dir: Path
    name: str

    @property
    def root(self) -> Path:
        """The lab's own directory, 0700."""
        return self.state_dir / self.name

    @property
    def record(self) -> Path:
        """The description of the lab."""
        return self.root / "lab.json"

    @property
    def key(self) -> Path:
        """The private key that opens every host of the lab."""
        return self.root / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys, in OpenSSH's format."""
        return self.root / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The edgeboot inventory of the lab."""
        return self.root / "inventory.yml"

    def host(self, node: str) -> HostFiles:
        """Where one host's files are."""
        return HostFiles(self.root / "hosts" / node)


@dataclass(frozen=True)
class HostFiles:
    """The directories of one host. ``upper`` and ``work`` make, over the cached tree, ``root``."""

    directory: Path

    @property
    def root(self) -> Path:
        """The host's / as seen from the controller (without what the host itself mounts)."""
        return self.directory / "root"

    @property
    def upper(self) -> Path:
        """What the host has changed in the cached tree."""
        return self.directory / "upper"

    @property
    def work(self) -> Path:
        """The overlay's own scratch directory."""
        return self.directory / "work"

    @property
    def console(self) -> Path:
        """What the host's systemd and nspawn said."""
        return self.directory / "console.log"

    @property
    def binds(self) -> dict[str, Path]:
        """Plain directories, by where they are bound into the host.

        There an overlay is refused (containerd's snapshotter) or a rename must be real.
        """
        return {
            "/var/lib/rancher": self.directory / "rancher",
            "/var/lib/edgeboot": self.directory / "edgeboot",
        }


def save(record: LabRecord, files: LabFiles) -> None:
    """Write ``lab.json``."""
    document = {
        "name": record.name,
        "nodes": list(record.nodes),
        "memory_bytes": record.memory_bytes,
        "subnet": str(record.subnet),
    }
    atomic.write(files.record, json.dumps(document, indent=2) + "\n", mode=0o600)


def load(files: LabFiles) -> LabRecord | None:
    """The lab's record; None if there is no lab, LabFailed if the file is damaged."""
    try:
        document = json.loads(files.record.read_text(encoding="utf-8"))
        return LabRecord(
            name=str(document["name"]),
            nodes=tuple(str(node) for node in document["nodes"]),
            memory_bytes=document["memory_bytes"],
            subnet=IPv4Network(document["subnet"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LabFailed(
            "cannot read the lab's record",
            where=str(files.record),
            hint=f"edgeboot lab down --name {files.name}, then up again",
        ) from error


def check_directory(path: Path) -> Path:
    """``path``, absolute; LabBadInput if it cannot be used in a mount option or the inventory."""
    absolute = path.absolute()
    if _UNQUOTABLE & set(str(absolute)):
        raise LabBadInput(
            f"cannot use the directory {str(absolute)!r} for a lab",
            hint="its path must not contain spaces, quotes, commas, colons or backslashes",
        )
    return absolute


def check_ours(files: LabFiles) -> None:
    """A directory is a lab's if it holds lab.json, or nothing (``up`` was killed that early)."""
    if not files.root.exists():
        return
    if files.record.exists() or all(map(atomic.is_part, files.root.iterdir())):
        return
    raise LabRefused(
        "not a lab's directory: it has no lab.json",
        where=str(files.root),
        hint="use another lab name, or remove the directory yourself",
    )


def remove_files(files: LabFiles) -> None:
    """lab.json goes last, so that a directory half removed is still known as a lab's."""
    if not files.root.exists():
        return
    for path in files.root.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != files.record:
            path.unlink()
    files.record.unlink(missing_ok=True)
    files.root.rmdir()
