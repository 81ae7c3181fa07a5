"""The lab as a whole: ``up``, ``down``, ``list_labs``, ``find_host``."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.localio import atomic
from edgeboot_lab import access, requirements, teardown
from edgeboot_lab.cgroup.base import Cgroups
from edgeboot_lab.cgroup.machine import detect
from edgeboot_lab.errors import LabBadInput, LabFailed
from edgeboot_lab.inventory_file import HostEntry, inventory_text
from edgeboot_lab.locks import held
from edgeboot_lab.names import LabNames, check_lab_name, node_names
from edgeboot_lab.nspawn import boot, network, rootfs
from edgeboot_lab.nspawn.hosts import LOCK_SECONDS, LabHost, boot_host, lock_name
from edgeboot_lab.nspawn.image import USER, Image
from edgeboot_lab.run import run
from edgeboot_lab.state import LabFiles, LabRecord, check_directory, load, save

STATE_DIR = Path("/var/lib/edgeboot-lab")
GIB = 1 << 30
_LEAST_MEMORY = 128 << 20
_POLL_SECONDS = 0.25

Progress = Callable[[str], None]


@dataclass(frozen=True)
class LabSpec:
    """The lab that ``up`` is to make. ``memory_bytes`` is each host's ceiling (None: none)."""

    name: str = "lab"
    nodes: int = 3
    memory_bytes: int | None = GIB
    state_dir: Path = STATE_DIR
    cache_dir: Path = rootfs.CACHE_DIR
    image: Image = field(default_factory=Image)
    boot_seconds: float = 60.0


@dataclass(frozen=True)
class Lab:
    """A lab whose hosts answer."""

    name: str
    hosts: tuple[LabHost, ...]
    files: LabFiles

    @property
    def inventory(self) -> Path:
        """The edgeboot inventory of the lab."""
        return self.files.inventory

    @property
    def key(self) -> Path:
        """The private key of the users ``edge`` and ``root``."""
        return self.files.key

    def host(self, name: str) -> LabHost:
        """One host by its name."""
        return _pick(self.hosts, name, self.name)


@dataclass(frozen=True)
class LabStatus:
    """A lab found on this machine, and its hosts with their states (``LabHost.state``)."""

    lab: Lab
    states: tuple[str, ...]


def up(spec: LabSpec, progress: Progress) -> Lab:
    """Make the lab and return when every host answers over SSH with its pinned key.

    An existing lab of that name, or its remains, is replaced. If a host does not answer within
    ``boot_seconds``, everything is removed again and LabFailed shows the end of its console.
    """
    names = LabNames(check_lab_name(spec.name))
    node_names(spec.nodes)
    files = LabFiles(check_directory(spec.state_dir), spec.name)
    if spec.memory_bytes is not None and spec.memory_bytes < _LEAST_MEMORY:
        raise LabBadInput(f"a lab host needs {_LEAST_MEMORY >> 20} MiB of memory or more")
    requirements.check()
    cgroups = detect()
    if cgroups.untested:
        progress(cgroups.untested)
    tree = rootfs.ensure(spec.image, check_directory(spec.cache_dir), progress)
    with held(lock_name(spec.name), wait=LOCK_SECONDS, waiting=progress) as lock:
        if teardown.traces(cgroups, names, files):
            progress(f"replacing the existing lab {spec.name!r}")
            teardown.remove(cgroups, names, files)
        try:
            lab = _make(cgroups, spec, tree, lock, progress)
            _wait(cgroups, lab, spec.boot_seconds, progress)
        except BaseException:
            progress(f"removing the unfinished lab {spec.name!r}")
            teardown.remove(cgroups, names, files)
            raise
    return lab


def down(name: str, state_dir: Path, progress: Progress) -> None:
    """Remove every trace of the lab; does nothing if there is none."""
    names = LabNames(check_lab_name(name))
    files = LabFiles(check_directory(state_dir), name)
    requirements.check()
    cgroups = detect()
    with held(lock_name(name), wait=LOCK_SECONDS, waiting=progress):
        if teardown.traces(cgroups, names, files):
            teardown.remove(cgroups, names, files)
            progress(f"the lab {name!r} is gone")
        else:
            progress(f"no such lab: {name!r}")


def list_labs(state_dir: Path = STATE_DIR) -> tuple[LabStatus, ...]:
    """Every lab below ``state_dir``, whole or not."""
    found: list[LabStatus] = []
    for record_file in sorted(state_dir.glob("*/lab.json")):
        files = LabFiles(state_dir, record_file.parent.name)
        record = load(files)
        if record is not None:
            lab = _lab(record, files)
            found.append(LabStatus(lab, tuple(host.state for host in lab.hosts)))
    return tuple(found)


def find_lab(name: str, state_dir: Path = STATE_DIR) -> Lab:
    """The lab called ``name``; LabBadInput if there is none."""
    files = LabFiles(state_dir, check_lab_name(name))
    record = load(files)
    if record is None:
        raise LabBadInput(
            f"no such lab: {name!r} in {state_dir}",
            hint=f"edgeboot lab up --name {name}",
        )
    return _lab(record, files)


def find_host(host: str, name: str = "lab", state_dir: Path = STATE_DIR) -> LabHost:
    """One host of the lab called ``name``; LabBadInput if there is none."""
    return find_lab(name, state_dir).host(host)


def ssh_argv(host: LabHost, user: str = USER) -> tuple[str, ...]:
    """The command line of ``edgeboot lab ssh``: the lab's key and the pinned host key."""
    return host.ssh_argv(user)


def wait_for_ssh(host: LabHost, seconds: float = 60.0) -> None:
    """Return when ``host`` lets the lab's user in; LabFailed with its console's end otherwise."""
    _wait_for(detect(), host, time.monotonic() + seconds)


def _make(cgroups: Cgroups, spec: LabSpec, tree: Path, lock: int, progress: Progress) -> Lab:
    """Files and record first, then the network, then the hosts; all booting at the end."""
    names, nodes = LabNames(spec.name), node_names(spec.nodes)
    files = LabFiles(check_directory(spec.state_dir), spec.name)
    files.state_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.root.mkdir(mode=0o700)
    # Only one lab at a time looks for a free subnet and takes it.
    with held("subnets", wait=LOCK_SECONDS):
        subnet = network.choose_subnet(network.used_networks())
        record = LabRecord(spec.name, nodes, spec.memory_bytes, subnet)
        save(record, files)
        network.add_bridge(names, record)
    lab = _lab(record, files)
    progress(f"lab {spec.name!r}: {len(nodes)} hosts in {subnet}")
    lab_key = access.make_key(files.key, f"edgeboot-lab-{spec.name}")
    host_keys: dict[str, str] = {}
    for host in lab.hosts:
        boot.mount_root(host.cgroup, tree, host.files)
        host_keys[host.name] = access.furnish(host.root, host.name, record, lab_key)
    access.write_known_hosts(files, record, host_keys)
    entries = [
        HostEntry(node, record.address(node), USER, files.key, key)
        for node, key in host_keys.items()
    ]
    atomic.write(files.inventory, inventory_text(record.name, entries, cgroups.version), mode=0o600)
    for host in lab.hosts:
        boot_host(cgroups, host, lock)
    return lab


def _wait(cgroups: Cgroups, lab: Lab, seconds: float, progress: Progress) -> None:
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(max_workers=8) as pool:
        waits = [pool.submit(_wait_for, cgroups, host, deadline) for host in lab.hosts]
        for host, wait in zip(lab.hosts, waits, strict=True):
            wait.result()
            progress(f"{host.name} answers at {host.address}")


def _wait_for(cgroups: Cgroups, host: LabHost, deadline: float) -> None:
    login = host.ssh_argv()
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=3")
    argv = (login[0], *options, *login[1:], "true")
    while run(argv, check=False).returncode != 0:
        if time.monotonic() >= deadline or not cgroups.pids(host.cgroup):
            raise LabFailed(
                "the host does not answer over SSH. The end of its console:\n"
                + boot.console_tail(host.files),
                where=host.name,
            )
        time.sleep(_POLL_SECONDS)


def _lab(record: LabRecord, files: LabFiles) -> Lab:
    hosts = tuple(LabHost(node, record, files.state_dir) for node in record.nodes)
    return Lab(record.name, hosts, files)


def _pick(hosts: tuple[LabHost, ...], name: str, lab: str) -> LabHost:
    for host in hosts:
        if host.name == name:
            return host
    known = ", ".join(host.name for host in hosts)
    raise LabBadInput(f"the lab {lab!r} has no host {name!r}", hint=f"it has {known}")
