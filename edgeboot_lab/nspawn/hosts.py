"""One host of a lab, and what can be done to it: look inside, cut its power, freeze, start."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeboot_lab import access
from edgeboot_lab.cgroup.base import Cgroups, Launch, entrances, kill_all
from edgeboot_lab.cgroup.machine import detect
from edgeboot_lab.errors import LabRefused
from edgeboot_lab.locks import held
from edgeboot_lab.names import LabNames
from edgeboot_lab.nspawn import boot, network
from edgeboot_lab.nspawn.image import USER
from edgeboot_lab.run import run
from edgeboot_lab.state import HostFiles, LabFiles, LabRecord

LOCK_SECONDS = 60.0
# Enter the host's control groups, so that what runs there dies with it; then its namespaces.
_ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class LabHost:
    """A host, by its lab and name; whether it runs is looked up when asked."""

    name: str
    lab: LabRecord
    state_dir: Path

    @property
    def address(self) -> str:
        """Its IPv4 address, on eth0."""
        return str(self.lab.address(self.name))

    @property
    def netns(self) -> str:
        """Its network namespace, as ``ip netns`` calls it."""
        return LabNames(self.lab.name).host(self.name)

    @property
    def link(self) -> str:
        """The controller's end of its link."""
        return LabNames(self.lab.name).link(self.lab.nodes.index(self.name))

    @property
    def bridge(self) -> str:
        """The bridge it hangs on."""
        return LabNames(self.lab.name).bridge

    @property
    def cgroup(self) -> str:
        """The name of its control groups."""
        return LabNames(self.lab.name).host(self.name)

    @property
    def files(self) -> HostFiles:
        """Its directories."""
        return LabFiles(self.state_dir, self.lab.name).host(self.name)

    @property
    def root(self) -> Path:
        """Its /, seen from the controller; see ``path`` for what is bound into it."""
        return self.files.root

    @property
    def pid(self) -> int | None:
        """The machine's pid of its PID 1; None while it is off."""
        return boot.leader(detect(), self.cgroup)

    @property
    def state(self) -> str:
        """``running``, ``frozen`` or ``off``."""
        cgroups = detect()
        if boot.leader(cgroups, self.cgroup) is None:
            return "off"
        return "frozen" if cgroups.frozen(self.cgroup) else "running"

    def path(self, inside: str) -> Path:
        """Where the host's file ``inside`` (absolute) is on the controller; links are not followed.

        Right for disk files, running or off; not for what the host mounts itself (/run, /tmp).
        """
        for prefix, outside in self.files.binds.items():
            if Path(inside).is_relative_to(prefix):
                return outside / Path(inside).relative_to(prefix)
        return self.root / inside.lstrip("/")

    def exec(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root in the host without SSH; the caller looks at the return code."""
        cgroups = detect()
        leader = boot.leader(cgroups, self.cgroup)
        if leader is None:
            raise LabRefused("the host is off", where=self.name, hint="start it first")
        if cgroups.frozen(self.cgroup):
            raise LabRefused("the host is frozen", where=self.name, hint="thaw it first")
        groups = entrances(Path(f"/proc/{leader}/cgroup").read_text())
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
        enter = ("nsenter", "--target", str(leader), *spaces, "--", *argv)
        return run(
            ("sh", "-euc", _ENTER, "sh", *map(str, groups), "--", *enter),
            stdin=stdin,
            timeout=timeout,
            check=False,
        )

    def ssh_argv(self, user: str = USER) -> tuple[str, ...]:
        """The ssh command line to this host, with the lab's key and the pinned host key."""
        return access.ssh_argv(LabFiles(self.state_dir, self.lab.name), self.address, user)

    def crash(self) -> None:
        """A power cut: silent at once, then every process and the network are gone.

        The link goes first, or the kernel would take leave of every peer with FIN and RST.
        Files stay as they were last written, synced or not: what a real power cut does to unsynced
        ones takes a loop file system of the test's own.
        """
        names = LabNames(self.lab.name)
        network.silence_host(names, self.lab, self.name)
        kill_all(detect(), self.cgroup)
        network.detach_host(names, self.lab, self.name)

    def freeze(self) -> None:
        """Nothing in it runs, its address stays: a host that is silent, not gone."""
        detect().freeze(self.cgroup)

    def thaw(self) -> None:
        """The end of ``freeze``."""
        detect().thaw(self.cgroup)

    def start(self) -> None:
        """Boot it again after ``crash`` or a poweroff and return at once; LabRefused if it runs.

        Its files are kept; its network namespace is a new one, as a new kernel's would be. Whoever
        needs SSH waits for it (``lab.wait_for_ssh``).
        """
        cgroups = detect()
        with held(lock_name(self.lab.name), wait=LOCK_SECONDS) as lock:
            if boot.leader(cgroups, self.cgroup) is not None:
                raise LabRefused("the host is running", where=self.name)
            if not boot.is_mounted(self.files):
                raise LabRefused(
                    "the lab is incomplete: this machine was rebooted after `lab up`",
                    where=self.name,
                    hint=f"edgeboot lab up --name {self.lab.name}",
                )
            kill_all(cgroups, self.cgroup)
            boot_host(cgroups, self, lock)


def lock_name(lab: str) -> str:
    """The lock under which a lab is made, changed and removed."""
    return f"lab-{lab}"


def boot_host(cgroups: Cgroups, host: LabHost, lock: int) -> None:
    """Fresh control groups and network, then the container; ``host.root`` is mounted already."""
    cgroups.remove(host.cgroup)
    boot.forget(host.cgroup)
    network.attach_host(LabNames(host.lab.name), host.lab, host.name)
    argv = boot.argv(host.cgroup, host.name, host.files)
    console, memory = host.files.console, host.lab.memory_bytes
    cgroups.start(Launch(host.cgroup, memory, argv, boot.ENVIRONMENT, console, lock))
