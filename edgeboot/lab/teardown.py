"""Remove every trace of a lab, whatever part of it there is: found by name, not by memory."""

from __future__ import annotations

import shutil

from edgeboot.lab import mounts, network, nspawn
from edgeboot.lab.cgroups import Cgroups, kill_all
from edgeboot.lab.errors import LabRefused
from edgeboot.lab.names import LabNames
from edgeboot.lab.state import LabFiles


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
        nspawn.forget(name)
    network.remove_all(names)
    mounts.unmount(mounts.named(names.host_prefix))
    _check_ours(files)
    mounts.unmount(mounts.below(files.root))  # whatever the user mounted there
    _remove_files(files)


def _check_ours(files: LabFiles) -> None:
    """A directory is a lab's if it holds lab.json, or nothing (``up`` was killed that early)."""
    if not files.root.exists():
        return
    new = files.record.with_name(files.record.name + ".new")
    if files.record.exists() or set(files.root.iterdir()) <= {new}:
        return
    raise LabRefused(
        "this directory is not a lab's: it has no lab.json",
        where=str(files.root),
        hint="use another lab name or state directory, or remove it yourself",
    )


def _remove_files(files: LabFiles) -> None:
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
