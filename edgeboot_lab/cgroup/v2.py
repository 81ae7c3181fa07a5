"""Hosts' control groups on a stock Debian machine: cgroup v2, owned by systemd as PID 1.

A host is a transient service in machine.slice with a delegated group, as systemd-nspawn@.service
is. Written after the manual pages (systemd-run, systemd.resource-control, systemd-nspawn@.service);
the project's CI machines have cgroup v1, so it says that they have not exercised it. Tried by hand
in an emulated Debian 12 (kernel 6.1, systemd 252).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeboot_lab.cgroup.base import ROOT, Launch, read_pids, remove_groups
from edgeboot_lab.run import run

SLICE = ROOT / "machine.slice"


def service_argv(launch: Launch) -> tuple[str, ...]:
    """The systemd-run command that starts a host."""
    properties = [
        "Type=notify",  # nspawn says when the host's first process runs, in the group below
        "Delegate=yes",
        "KillMode=mixed",
        "TasksMax=infinity",
        "DevicePolicy=auto",
        # nspawn's exit status for "the host reboots"
        "RestartForceExitStatus=133",
        "SuccessExitStatus=133",
        f"StandardOutput=append:{launch.console}",
        f"StandardError=append:{launch.console}",
    ]
    if launch.memory_bytes is not None:
        properties += [f"MemoryMax={launch.memory_bytes}", "MemorySwapMax=0"]
        # What the host sees as its root is nspawn's group `payload` below the service's, which has
        # no ceiling of its own to be seen; after a reboot it is a new one.
        seen = _group(launch.name) / "payload" / "memory.max"
        properties += [f"ExecStartPost=/bin/sh -c 'echo {launch.memory_bytes} >{seen}'"]
    return (
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={launch.name}.service",
        "--slice=machine.slice",
        *(f"--property={item}" for item in properties),
        *(f"--setenv={key}={value}" for key, value in launch.env.items()),
        "--",
        *launch.argv,
    )


@dataclass(frozen=True)
class CgroupsV2:
    """See :class:`edgeboot_lab.cgroup.base.Cgroups`."""

    version: int = 2
    untested: str | None = "cgroup v2: this path has not been exercised by the project's CI"

    def find(self, prefix: str) -> tuple[str, ...]:
        """By the services' directories."""
        found = SLICE.glob(f"{prefix}*.service")
        return tuple(sorted(path.name.removesuffix(".service") for path in found))

    def start(self, launch: Launch) -> None:
        """As a transient service; systemd-run holds the lock (see ``run``) until it is started."""
        run(("systemctl", "reset-failed", f"{launch.name}.service"), check=False)
        run(service_argv(launch))

    def pids(self, name: str) -> tuple[int, ...]:
        """Of the service's group and below."""
        return tuple(dict.fromkeys(read_pids(_group(name))))

    def freeze(self, name: str) -> None:
        """cgroup.freeze works on everything below too."""
        _write_if_there(_group(name) / "cgroup.freeze", "1")

    def thaw(self, name: str) -> None:
        """The reverse."""
        _write_if_there(_group(name) / "cgroup.freeze", "0")

    def frozen(self, name: str) -> bool:
        """As asked for, whether or not every process has stopped yet."""
        try:
            return (_group(name) / "cgroup.freeze").read_text().strip() == "1"
        except OSError:
            return False

    def remove(self, name: str) -> None:
        """Stop the service, whereupon systemd removes its group; what it leaves goes too."""
        run(("systemctl", "stop", f"{name}.service"), timeout=120.0, check=False)
        run(("systemctl", "reset-failed", f"{name}.service"), check=False)
        remove_groups(_group(name))


def _group(name: str) -> Path:
    return SLICE / f"{name}.service"


def _write_if_there(path: Path, value: str) -> None:
    try:
        path.write_text(value)
    except FileNotFoundError:
        return
