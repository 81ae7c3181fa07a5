"""Which control groups this machine has.

cgroup v1 without systemd as PID 1 is where the project's tests run. On a stock Debian (cgroup v2,
systemd as PID 1) the machine's systemd owns the tree, so a host is a transient service of it.
"""

from __future__ import annotations

from pathlib import Path

from edgeboot_lab.cgroup.base import ROOT, Cgroups
from edgeboot_lab.cgroup.v1 import CgroupsV1
from edgeboot_lab.cgroup.v2 import CgroupsV2
from edgeboot_lab.errors import LabRefused


def detect() -> Cgroups:
    """The kind this machine has; LabRefused if it cannot run a lab."""
    systemd = Path("/run/systemd/system").is_dir()
    if not (ROOT / "cgroup.controllers").exists():
        if not (ROOT / "memory" / "cgroup.procs").exists():
            raise LabRefused(
                "this machine has no memory control group",
                where=str(ROOT),
                hint="a lab needs cgroup v2, or cgroup v1 controllers mounted below it",
            )
        return CgroupsV1(systemd_machine=systemd)
    if not systemd:
        raise LabRefused(
            "this machine has cgroup v2 but no systemd as PID 1 to delegate a part of it",
            hint="run the lab on a machine (or virtual machine) that boots systemd",
        )
    return CgroupsV2()
