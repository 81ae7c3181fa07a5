"""Remove every trace of a lab, whatever part of it there is: found by name, not by memory."""

from __future__ import annotations

from edgeboot_lab.cgroup.base import Cgroups, kill_all
from edgeboot_lab.names import LabNames
from edgeboot_lab.nspawn import boot, mounts, network
from edgeboot_lab.state import LabFiles, check_ours, remove_files


def traces(cgroups: Cgroups, names: LabNames, files: LabFiles) -> tuple[str, ...]:
    """What there is of the lab on this machine; empty where there is none."""
    directory = (str(files.root),) if files.root.exists() else ()
    mounted = tuple(str(mount.point) for mount in mounts.named(names.host_prefix))
    groups = cgroups.find(names.host_prefix)
    return (*groups, *network.leftovers(names), *mounted, *directory)


def remove(cgroups: Cgroups, names: LabNames, files: LabFiles) -> None:
    """Processes, then what they hold: control groups, network, mounts, files. Idempotent.

    What carries the lab's name is certainly the lab's, also where it was made with another state
    directory (whose files stay); whether ``files`` are a lab's is asked before they are touched.
    """
    groups = cgroups.find(names.host_prefix)
    for name in groups:
        kill_all(cgroups, name)
    for name in groups:
        cgroups.remove(name)
        boot.forget(name)
    network.remove_all(names)
    mounts.unmount(mounts.named(names.host_prefix))
    check_ours(files)
    mounts.unmount(mounts.below(files.root))  # whatever the user mounted there
    remove_files(files)
