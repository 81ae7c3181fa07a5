"""What is in a lab host, as values: packages, files, masked units, the login of the lab."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from edgeboot_lab.errors import LabBadInput

USER = "edge"

INITS = {
    "systemd": ("systemd", "systemd-sysv", "dbus"),
    "openrc": ("openrc", "sysvinit-core", "busybox"),
}

PACKAGES = (
    "openssh-server",
    "sudo",
    "iproute2",
    "iptables",
    "iputils-ping",
    "procps",
    "kmod",
    "ca-certificates",
)

# Slow, useless without hardware, or (sysctl, binfmt, modules-load, the kernel file systems)
# reaching past the host into the machine's kernel, which a host with a writable /proc/sys could.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "console-getty.service",
    "kmod-static-nodes.service",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-repart.service",
    "systemd-sysctl.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-journald-audit.socket",
    "proc-sys-fs-binfmt_misc.automount",
    "dev-hugepages.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
)

_SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PrintMotd no
"""

_JOURNALD = """\
[Journal]
Storage=volatile
RuntimeMaxUse=16M
ReadKMsg=no
Audit=no
"""

# nspawn hands cgroup v1 controllers over read-only, and a kubelet has to make groups in them.
_CGROUPS_UNIT = """\
[Unit]
Description=Make the cgroup v1 controllers writable (edgeboot lab)
DefaultDependencies=no
Before=sysinit.target
ConditionPathExists=!/sys/fs/cgroup/cgroup.controllers

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -euc 'for g in /sys/fs/cgroup/*/; do \
[ -L "$${g%/}" ] || mount -o remount,bind,rw "$$g"; done'
"""


@dataclass(frozen=True)
class ImageFile:
    """One file of the tree; ``link`` makes it a symbolic link to that target instead."""

    path: str
    content: str = ""
    mode: int = 0o644
    link: str | None = None


FILES = (
    ImageFile("etc/ssh/sshd_config.d/edgeboot-lab.conf", _SSHD),
    ImageFile("etc/sudoers.d/edgeboot-lab", f"{USER} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
    ImageFile("etc/resolv.conf", "# lab hosts have no DNS, like a site without an Internet link\n"),
)

SYSTEMD_FILES = (
    ImageFile("etc/systemd/journald.conf.d/edgeboot-lab.conf", _JOURNALD),
    ImageFile("etc/systemd/system/edgeboot-lab-cgroups.service", _CGROUPS_UNIT),
    ImageFile(
        "etc/systemd/system/sysinit.target.wants/edgeboot-lab-cgroups.service",
        link="../edgeboot-lab-cgroups.service",
    ),
    ImageFile(
        "etc/systemd/system/default.target", link="/usr/lib/systemd/system/multi-user.target"
    ),
    ImageFile("var/lib/dbus/machine-id", link="/etc/machine-id"),
    *(ImageFile(f"etc/systemd/system/{unit}", link="/dev/null") for unit in MASKED),
)

# Debian's boot scripts would set the machine's clock, load modules and write to its /proc/sys; a
# container needs none of them. Ours does what the unit above does, and what K3s expects at boot.
_INITTAB = """\
id:2:initdefault:
si::sysinit:/sbin/openrc sysinit
rc::bootwait:/sbin/openrc boot
l0:0:wait:/etc/init.d/rc 0
l2:2:wait:/etc/init.d/rc 2
l6:6:wait:/etc/init.d/rc 6
"""

_OPENRC_BOOT = """\
#!/sbin/openrc-run
description="Make the cgroup v1 controllers writable (edgeboot lab)"

start() {
    # OpenRC mounts a fresh /sys, without any control groups, over the one it was given.
    while [ -z "$(ls /sys/fs/cgroup)" ]; do umount /sys || return 1; done
    [ -e /sys/fs/cgroup/cgroup.controllers ] && return 0
    for g in /sys/fs/cgroup/*/; do
        [ -L "${g%/}" ] || mount -o remount,bind,rw "$g"
    done
}
"""

OPENRC_FILES = (
    ImageFile("etc/inittab", _INITTAB),
    ImageFile("etc/init.d/edgeboot-lab-cgroups", _OPENRC_BOOT, 0o755),
    ImageFile(
        "etc/runlevels/sysinit/edgeboot-lab-cgroups", link="/etc/init.d/edgeboot-lab-cgroups"
    ),
    ImageFile("etc/runlevels/default/ssh", link="/etc/init.d/ssh"),
)

# What must differ from host to host must not come with the tree.
REMOVED = (
    "etc/ssh/ssh_host_*",
    "etc/hostname",
    "etc/runlevels/*/*",
    "var/cache/apt/*.bin",
    "var/lib/apt/lists/*",
)


@dataclass(frozen=True)
class Image:
    """One kind of host: which Debian, which init, from which mirror (None: mmdebstrap's choice).

    Debian's OpenRC stands in for Alpine's.
    """

    suite: str = "bookworm"
    mirror: str | None = None
    init: str = "systemd"

    def __post_init__(self) -> None:
        if self.init not in INITS:
            raise LabBadInput(f"a lab host boots {' or '.join(INITS)}, not {self.init!r}")

    @property
    def packages(self) -> tuple[str, ...]:
        """What is installed."""
        return (*INITS[self.init], *PACKAGES)

    @property
    def files(self) -> tuple[ImageFile, ...]:
        """What is put over it."""
        return (*FILES, *(SYSTEMD_FILES if self.init == "systemd" else OPENRC_FILES))

    @property
    def digest(self) -> str:
        """Changes with anything that changes the tree; part of its name in the cache."""
        parts = [self.suite, USER, self.packages, REMOVED]
        files = [(file.path, file.content, file.mode, file.link) for file in self.files]
        return hashlib.sha256(json.dumps([parts, files]).encode()).hexdigest()[:12]
