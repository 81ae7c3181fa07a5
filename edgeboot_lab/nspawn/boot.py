"""One host's container: its overlay, the nspawn command that boots it, and its first process."""

from __future__ import annotations

from pathlib import Path

from edgeboot_lab.cgroup.base import Cgroups
from edgeboot_lab.errors import LabFailed
from edgeboot_lab.nspawn import mounts
from edgeboot_lab.nspawn.network import NETNS_DIR
from edgeboot_lab.run import run
from edgeboot_lab.state import HostFiles

# What a real K3s was seen to need (see the package's docstring): a kubelet writes to /proc/sys,
# runc joins session key rings and loads bpf programs, and everything logs to /dev/kmsg.
ENVIRONMENT = {
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
    "SYSTEMD_NSPAWN_USE_CGNS": "1",
    # Locks would outlive a host as files in /run/systemd/nspawn; the lab has its own.
    "SYSTEMD_NSPAWN_LOCK": "0",
}
_MODULES = Path("/lib/modules")
_PROPAGATE = Path("/run/systemd/nspawn/propagate")


def argv(name: str, node: str, files: HostFiles) -> tuple[str, ...]:
    """The command that boots ``node`` as the machine ``name``."""
    # K3s calls modprobe; where the machine has modules, that must find those of its kernel.
    modules = (f"--bind-ro={_MODULES}",) if _MODULES.is_dir() else ()
    return (
        "systemd-nspawn",
        "--quiet",
        "--settings=no",
        f"--directory={files.root}",
        f"--machine={name}",
        f"--hostname={node}",
        f"--network-namespace-path={NETNS_DIR / name}",
        "--register=no",
        "--keep-unit",
        "--capability=all",
        "--system-call-filter=@keyring bpf @mount @module",
        "--bind=/dev/kmsg",
        *(f"--bind={outside}:{inside}" for inside, outside in files.binds.items()),
        *modules,
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        "--boot",
    )


def mount_root(name: str, tree: Path, files: HostFiles) -> None:
    """Lay the host's own changes over the cached tree, at ``files.root``."""
    for directory in (files.root, files.upper, files.work, *files.binds.values()):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for inside, directory in files.binds.items():
        # A mount point stays where edgeboot would remove its directory, so it has edgeboot's mode.
        directory.chmod(0o700 if inside == "/var/lib/edgeboot" else 0o755)
    layers = f"lowerdir={tree},upperdir={files.upper},workdir={files.work}"
    done = run(("mount", "-t", "overlay", name, "-o", layers, str(files.root)), check=False)
    if done.returncode != 0:
        raise LabFailed(
            f"cannot mount the host's file system: {done.stderr.decode().strip()}",
            where=str(files.root),
            hint="put the state directory on a disk file system (ext4, xfs), not on an overlay",
        )
    for inside in files.binds:
        (files.root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)


def is_mounted(files: HostFiles) -> bool:
    """Whether the host's / is there; it is not after a reboot of the machine."""
    return bool(mounts.below(files.root))


def leader(cgroups: Cgroups, name: str) -> int | None:
    """The machine's pid of the host's PID 1; None while there is none."""
    return next((pid for pid in cgroups.pids(name) if _is_first_of_host(pid)), None)


def forget(name: str) -> None:
    """Remove what nspawn leaves in /run when it is killed."""
    directory = _PROPAGATE / name
    if directory.is_dir():
        directory.rmdir()


def console_tail(files: HostFiles, characters: int = 1500) -> str:
    """The end of what the host said while booting."""
    try:
        return files.console.read_text(errors="replace")[-characters:].strip()
    except OSError:
        return "(no console log)"


def _is_first_of_host(pid: int) -> bool:
    """1 in its own pid namespace, directly below the machine's (a pod's is nested deeper)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        own = Path("/proc/self/status").read_text()
    except OSError:
        return False
    ids = _namespace_pids(status)
    return len(ids) == len(_namespace_pids(own)) + 1 and ids[-1] == 1


def _namespace_pids(status: str) -> list[int]:
    rows = [line for line in status.splitlines() if line.startswith("NSpid:")]
    return [int(word) for row in rows for word in row.split()[1:]]
