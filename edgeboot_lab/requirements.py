"""What the machine must have before a lab can be: root, commands, and where they come from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgeboot_lab.errors import LabRefused

# command -> the Debian package it comes from
COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setsid": "util-linux",
    "mount": "mount",
    "umount": "mount",
    "chroot": "coreutils",
}
# file -> the Debian package it comes from; a derivative of Debian may be without Debian's own keys
FILES = {"/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring"}


def missing_packages() -> tuple[str, ...]:
    """The Debian packages whose commands or files are not there, sorted."""
    packages = {package for command, package in COMMANDS.items() if not shutil.which(command)}
    packages |= {package for file, package in FILES.items() if not Path(file).exists()}
    return tuple(sorted(packages))


def check() -> None:
    """LabRefused if this process is not root or a command is missing."""
    if os.geteuid() != 0:
        raise LabRefused(
            "a lab needs root, for namespaces, mounts and control groups",
            hint="rerun the command with sudo",
        )
    missing = missing_packages()
    if missing:
        raise LabRefused(
            f"missing on this machine: {', '.join(missing)}",
            hint=f"apt-get install --no-install-recommends {' '.join(missing)}",
        )
