"""Remove every trace of a lab, complete or not: found by name, not from a record."""

from __future__ import annotations

from edgeboot_lab.cgroup.base import Cgroups, kill_all
from edgeboot_lab.names import LabNames
from edgeboot_lab.nspawn import boot, mounts, network
from edgeboot_lab.state import LabFiles, check_ours, remove_files


def traces(cgroups: Cgroups, names: LabNames, files: LabFiles) -> tuple[str, ...]:
    """The traces of the lab on this machine; empty if there are none."""
    directory = (str(files.root),) if files.root.exists() else ()
    mounted = tuple(str(mount.point) for mount in mounts.named(names.host_prefix))
    groups = cgroups.find(names.host_prefix)
    return (*groups, *network.leftovers(names), *mounted, *directory)


def remove(cgroups: Cgroups, names: LabNames, files: LabFiles) -> None:
    """Processes, then what they hold: control groups, network, mounts, files. Idempotent.

    Everything with the lab's name belongs to the lab, even if it was made with another state
    directory (whose files stay). ``files`` are checked to be a lab's before they are touched.
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
    mounts.unmount(mounts.below(files.root))  # mounts of the user
    remove_files(files)
