"""A lab of virtual machines, by Vagrant (the ``Vagrantfile`` beside this): the second driver.

The functions are those of :mod:`edgeboot_lab.lab`, for a user without root; what they share is the
record, the files, the names and the inventory. No machine has ever been booted by the project's CI,
which has no hypervisor: docs/lab.md says what is tested.

Host keys are read over the connection Vagrant itself sets up, which does not check them: a port of
the loopback interface that VirtualBox forwards into the machine, or libvirt's bridge, so it does
not leave this computer (``boxes`` refuses machines elsewhere). Every later connection, the first
of which ``up`` makes itself, goes to the machine's address in the lab's network and checks the key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgeboot.localio import atomic, directories
from edgeboot_lab import access
from edgeboot_lab.errors import LabBadInput, LabError, LabFailed, LabRefused
from edgeboot_lab.inventory_file import HostEntry, inventory_text
from edgeboot_lab.locks import held
from edgeboot_lab.names import MAX_NODES, check_lab_name, node_names
from edgeboot_lab.run import run
from edgeboot_lab.state import (
    LabFiles,
    LabRecord,
    check_directory,
    check_ours,
    load,
    remove_files,
    save,
)
from edgeboot_lab.vagrant import command
from edgeboot_lab.vagrant.boxes import QUESTION, Login, MachineFacts, parse_facts, parse_logins
from edgeboot_lab.vagrant.command import Progress, Vagrant

_LEAST_MEMORY = 256 << 20
_LOCK_SECONDS = 60.0
_POLL_SECONDS = 0.5
# The range in which VirtualBox allows host-only networks by default: 192.168.56.0/21.
_SUBNETS = tuple(IPv4Network((f"192.168.{third}.0", 24)) for third in range(56, 64))


def default_state_dir() -> Path:
    """``lab`` in edgeboot's state directory: the machines are the user's own."""
    return directories.state() / "lab"


@dataclass(frozen=True)
class VagrantSpec:
    """The lab that ``up`` is to make.

    ``memory_bytes`` is each machine's (None: 1 GiB the server, 512 MiB an agent), ``provider``
    Vagrant's name of one (None: Vagrant chooses), ``subnet`` a /24 (None: the first free one).
    """

    state_dir: Path
    name: str = "lab"
    nodes: int = 3
    memory_bytes: int | None = None
    provider: str | None = None
    offline: bool = False
    subnet: IPv4Network | None = None
    answer_seconds: float = 60.0


@dataclass(frozen=True)
class VagrantHost:
    """One machine of a lab."""

    name: str
    lab: LabRecord
    files: LabFiles

    @property
    def address(self) -> str:
        """Its address in the lab's network."""
        return str(self.lab.address(self.name))

    def ssh_argv(self, user: str | None = None) -> tuple[str, ...]:
        """The ssh command line to it, checking its pinned key; None is the box's own user."""
        login = ("-l", user) if user else ()
        return ("ssh", "-F", str(_ssh_config(self.files)), *login, self.name)


@dataclass(frozen=True)
class VagrantLab:
    """A lab and its machines."""

    name: str
    hosts: tuple[VagrantHost, ...]
    files: LabFiles

    @property
    def inventory(self) -> Path:
        """The edgeboot inventory of the lab."""
        return self.files.inventory


@dataclass(frozen=True)
class VagrantStatus:
    """A lab found in the state directory, and its machines with their states."""

    lab: VagrantLab
    states: tuple[str, ...]


def up(spec: VagrantSpec, progress: Progress) -> VagrantLab:
    """Make the lab and return when every machine answers over SSH with its pinned key.

    A lab of that name is replaced. Where anything fails, what there is is removed again.
    """
    check_lab_name(spec.name)
    nodes = node_names(spec.nodes)
    files = LabFiles(check_directory(spec.state_dir), spec.name)
    if spec.memory_bytes is not None and spec.memory_bytes < _LEAST_MEMORY:
        raise LabBadInput(f"a virtual machine needs {_LEAST_MEMORY >> 20} MiB of memory or more")
    command.check()
    with held(
        f".{spec.name}.lock", wait=_LOCK_SECONDS, waiting=progress, directory=files.state_dir
    ):
        _remove(files, progress)
        subnet = spec.subnet or _free_subnet(files.state_dir)
        record = LabRecord(spec.name, nodes, spec.memory_bytes, subnet)
        files.root.mkdir(mode=0o700)
        save(record, files)
        try:
            lab = _make(Vagrant(record, files, spec.offline), spec, progress)
        except BaseException:
            _remove_after_failure(files, progress)
            raise
    return lab


def down(name: str, state_dir: Path, progress: Progress) -> None:
    """Destroy the machines and remove the lab's files; does nothing if there is none."""
    files = LabFiles(check_directory(state_dir), check_lab_name(name))
    with held(f".{name}.lock", wait=_LOCK_SECONDS, waiting=progress, directory=files.state_dir):
        there = _remove(files, progress)
    progress(f"the lab {name!r} is gone" if there else f"no such lab: {name!r}")


def list_labs(state_dir: Path) -> tuple[VagrantStatus, ...]:
    """Every lab below ``state_dir``; a state that Vagrant does not report is ``unknown``."""
    found: list[VagrantStatus] = []
    for record_file in sorted(state_dir.glob("*/lab.json")):
        files = LabFiles(state_dir, record_file.parent.name)
        record = load(files)
        if record is not None:
            states = _states(Vagrant(record, files))
            lab = _lab(record, files)
            named = tuple(states.get(node, "unknown") for node in record.nodes)
            found.append(VagrantStatus(lab, named))
    return tuple(found)


def find_host(host: str, name: str, state_dir: Path) -> VagrantHost:
    """One machine of the lab called ``name``; LabBadInput if there is none."""
    files = LabFiles(state_dir, check_lab_name(name))
    record = load(files)
    if record is None:
        hint = f"edgeboot lab up --driver vagrant --name {name}"
        raise LabBadInput(f"no such lab: {name!r} in {state_dir}", hint=hint)
    if host not in record.nodes:
        hint = f"it has {', '.join(record.nodes)}"
        raise LabBadInput(f"the lab {name!r} has no host {host!r}", hint=hint)
    return VagrantHost(host, record, files)


def _make(vagrant: Vagrant, spec: VagrantSpec, progress: Progress) -> VagrantLab:
    record, files = vagrant.record, vagrant.files
    progress(f"lab {record.name!r}: {len(record.nodes)} virtual machines in {record.subnet}")
    vagrant.up(spec.provider, progress)
    logins = parse_logins(vagrant.ssh_config())
    entries = [_entry(vagrant, node, logins) for node in record.nodes]
    access.write_known_hosts(files, record, {entry.name: entry.host_key for entry in entries})
    atomic.write(_ssh_config(files), _ssh_config_text(files, entries), mode=0o600)
    lab = _lab(record, files)
    for host in lab.hosts:
        _wait_for(host, spec.answer_seconds)
        progress(f"{host.name} answers at {host.address}")
    # cgroup version 2: the boxes are a Debian that has no other.
    atomic.write(
        files.inventory, inventory_text(record.name, entries, cgroup_version=2), mode=0o600
    )
    return lab


def _entry(vagrant: Vagrant, node: str, logins: Mapping[str, Login]) -> HostEntry:
    """What Vagrant and the machine itself say of ``node``."""
    login = logins.get(node)
    if login is None:
        raise LabFailed("`vagrant ssh-config` does not list it: it did not start", where=node)
    facts = parse_facts(node, vagrant.run_in(node, QUESTION))
    address = vagrant.record.address(node)
    return HostEntry(
        node, address, login.user, login.key, facts.host_key, _interface(node, facts, address)
    )


def _interface(node: str, facts: MachineFacts, address: IPv4Address) -> str:
    for has, interface in facts.interfaces.items():
        if has == address:
            return interface
    has_only = ", ".join(map(str, facts.interfaces)) or "none"
    raise LabFailed(
        f"it has no address {address} in the lab's network, only {has_only}", where=node
    )


def _wait_for(host: VagrantHost, seconds: float) -> None:
    argv = host.ssh_argv()
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=3")
    deadline = time.monotonic() + seconds
    while (done := run((argv[0], *options, *argv[1:], "true"), check=False)).returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        if "Host key verification failed" in said:
            raise LabRefused(
                f"the host key at {host.address} is not the machine's",
                where=host.name,
                hint="another host uses that address: find it, then rerun the command",
            )
        if time.monotonic() >= deadline:
            raise LabFailed(f"it does not answer at {host.address}: {said}", where=host.name)
        time.sleep(_POLL_SECONDS)


def _ssh_config(files: LabFiles) -> Path:
    return files.root / "ssh_config"


def _ssh_config_text(files: LabFiles, entries: list[HostEntry]) -> str:
    """For ``ssh -F``: the machines by name, their keys pinned."""
    lines: list[str] = []
    for entry in entries:
        lines += [f"Host {entry.name}", f"  HostName {entry.address}", f"  User {entry.user}"]
        lines += [f'  IdentityFile "{entry.key}"']
    lines += ["Host *", *(f"  {key} {value}" for key, value in access.ssh_options(files).items())]
    return "\n".join(lines) + "\n"


def _free_subnet(state_dir: Path) -> IPv4Network:
    labs = (load(LabFiles(state_dir, path.parent.name)) for path in state_dir.glob("*/lab.json"))
    taken = {record.subnet for record in labs if record is not None}
    for subnet in _SUBNETS:
        if subnet not in taken:
            return subnet
    raise LabBadInput(
        f"there are {len(_SUBNETS)} labs of virtual machines, and no network is left for another",
        hint="remove one: `edgeboot lab list`, then `edgeboot lab down --name NAME`",
    )


def _states(vagrant: Vagrant) -> dict[str, str]:
    try:
        return vagrant.states()
    except LabError:
        return {}


def _lab(record: LabRecord, files: LabFiles) -> VagrantLab:
    hosts = tuple(VagrantHost(node, record, files) for node in record.nodes)
    return VagrantLab(record.name, hosts, files)


def _remove(files: LabFiles, progress: Progress) -> bool:
    """Machines first, then the files that know of them; whether there was a lab."""
    check_ours(files)
    vagrant = Vagrant(_record(files), files)
    if vagrant.made_any():
        command.check()
        progress(f"removing the machines of the lab {files.name!r}")
        vagrant.destroy(progress)
    there = files.root.exists()
    remove_files(files)
    return there


def _record(files: LabFiles) -> LabRecord:
    """What is needed to destroy the machines, also where lab.json is damaged or missing."""
    try:
        record = load(files)
    except LabFailed:
        record = None
    return record or LabRecord(files.name, node_names(MAX_NODES), None, _SUBNETS[0])


def _remove_after_failure(files: LabFiles, progress: Progress) -> None:
    """What failed first is what is reported, not what fails on the way out."""
    try:
        _remove(files, progress)
    except LabError as error:
        progress(f"the lab could not be removed ({error}); try `edgeboot lab down` later")
