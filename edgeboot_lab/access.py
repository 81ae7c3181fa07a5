"""How one gets into a lab's hosts: the lab's key, the hosts' keys, the ssh command line."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from edgeboot.localio import atomic
from edgeboot_lab.nspawn.image import USER
from edgeboot_lab.run import run
from edgeboot_lab.state import LabFiles, LabRecord

_SSHD_KEY = "etc/ssh/ssh_host_ed25519_key"


def make_key(path: Path, comment: str) -> str:
    """A new ed25519 key pair without passphrase; its public half, as ``ssh-ed25519 AAAA…``."""
    path.unlink(missing_ok=True)
    public = path.with_name(path.name + ".pub")
    public.unlink(missing_ok=True)
    run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)))
    return " ".join(public.read_text().split()[:2])


def furnish(root: Path, node: str, record: LabRecord, lab_key: str) -> str:
    """Make the tree at ``root`` this very host; returns its public host key."""
    (root / "etc/hostname").write_text(node + "\n")
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    hosts = [f"{record.address(name)} {name}" for name in record.nodes]
    (root / "etc/hosts").write_text("\n".join(["127.0.0.1 localhost", *hosts]) + "\n")
    for home in ("root", f"home/{USER}"):
        _authorise(root / home, lab_key)
    return make_key(root / _SSHD_KEY, node)


def _authorise(home: Path, lab_key: str) -> None:
    owner = home.stat()
    directory = home / ".ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    keys = directory / "authorized_keys"
    atomic.write(keys, lab_key + "\n", mode=0o600)
    for path in (directory, keys):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def write_known_hosts(files: LabFiles, record: LabRecord, host_keys: dict[str, str]) -> None:
    """Pin every host's key to its address."""
    lines = [f"{record.address(node)} {key}" for node, key in host_keys.items()]
    atomic.write(files.known_hosts, "\n".join(lines) + "\n", mode=0o600)


def ssh_options(files: LabFiles) -> dict[str, str]:
    """How ssh gets in: by the pinned host keys and the named key alone."""
    return {
        "UserKnownHostsFile": str(files.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "LogLevel": "ERROR",
    }


def ssh_argv(files: LabFiles, address: str, user: str = USER) -> tuple[str, ...]:
    """The command line of ssh to a host, checking its key; the user's ssh settings do not count."""
    options = {**ssh_options(files), "IdentityFile": str(files.key)}
    settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    return ("ssh", "-F", "/dev/null", *settings, f"{user}@{address}")
