"""What a host has: values, and the parser of the output of ``observe.sh``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeboot.answer import number, understood
from edgeboot.errors import StepFailed
from edgeboot.plan.condition import Condition, parse_condition
from edgeboot.secret import Secret


@dataclass(frozen=True)
class HostTraits:
    """What a host *is*. Sizes in bytes, ``clock`` in seconds since 1970."""

    machine: str  # uname -m
    os: str
    init: str  # systemd, openrc or unknown
    cgroup_version: int
    cgroup_controllers: frozenset[str]
    memory: int
    cpus: int
    hostname: str
    machine_id: str
    clock: int
    default_route: bool
    board: str = ""
    logrotate: bool = False  # whether it has /etc/logrotate.d
    kernel: str = ""  # uname -r
    has: frozenset[str] = frozenset()  # programs and directories that decide how to configure it
    wifi: tuple[str, ...] = ()  # its wireless interfaces
    network_namespace: str = ""  # of one kernel; with the boot's ID it names a running system
    ssh_host_key: str = ""  # public: "ssh-ed25519 AAAA…"


@dataclass(frozen=True)
class FileFact:
    """What is at a path. ``sha256`` is empty for a directory; ``content`` only if requested."""

    kind: str  # file, directory, link, other
    mode: int
    owner: str  # user:group by number
    size: int
    sha256: str = ""
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class UnitFact:
    """The state of a service, in systemd's words, also under OpenRC."""

    active: str  # active, activating, failed, inactive …
    enabled: bool
    started_with: str  # hash recorded when edgeboot last started it; empty if never


@dataclass(frozen=True)
class Listener:
    """A TCP port that a program listens on."""

    port: int
    program: str


@dataclass(frozen=True)
class PartialUpload:
    """The beginning of an interrupted upload: its length in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """Everything known about one host."""

    traits: HostTraits
    files: Mapping[str, FileFact]
    owned: frozenset[str]  # paths that edgeboot wrote
    units: Mapping[str, UnitFact]
    listeners: tuple[Listener, ...]
    k3s_version: str  # of the installed binary; empty without one
    node_token: Secret | None  # the full join token, on a server that has been up
    condition: Condition = field(default_factory=Condition)
    asked_at: float | None = None  # the controller's clock when the host read its own
    parts: Mapping[str, PartialUpload] = field(default_factory=dict)  # by path of the staged file
    done: Mapping[str, str] = field(default_factory=dict)  # name of an action -> its inputs
    kubeconfig: Secret | None = None  # the administrator's, on a server that has been up


@dataclass
class _Draft:
    """Lines read so far."""

    traits: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileFact] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    owned: set[str] = field(default_factory=set)
    units: dict[str, UnitFact] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    node_token: Secret | None = None
    kubeconfig: Secret | None = None
    condition: list[str] = field(default_factory=list)
    parts: dict[str, PartialUpload] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)


def _read_line(draft: _Draft, key: str, rest: str) -> None:  # noqa: C901 - a table
    match key:
        case "trait":
            name, _, value = rest.partition(" ")
            draft.traits[name] = value
        case "file":
            kind, mode, owner, size, digest, path = rest.split(" ", 5)
            sha256 = "" if digest == "-" else digest
            draft.files[path] = FileFact(kind, number(mode, 8), owner, number(size), sha256)
        case "content":
            encoded, _, path = rest.partition(" ")
            draft.contents[path] = base64.b64decode(encoded)
        case "part":
            size, digest, path = rest.split(" ", 2)
            draft.parts[path] = PartialUpload(number(size), digest)
        case "owned":
            draft.owned.add(rest)
        case "unit":
            name, active, enabled, started = rest.split(" ", 3)
            draft.units[name] = UnitFact(
                active, enabled == "yes", "" if started == "-" else started
            )
        case "condition":
            draft.condition.append(rest)
        case "listen":
            port, _, program = rest.partition(" ")
            draft.listeners.append(Listener(number(port), program))
        case "node-token":
            draft.node_token = Secret(base64.b64decode(rest).strip())
        case "kubeconfig":
            draft.kubeconfig = Secret(base64.b64decode(rest))
        case "done":
            name, _, inputs = rest.partition(" ")
            draft.done[name] = inputs
        case _:
            raise ValueError(f"unknown line {key!r}")


def parse_facts(output: str, node: str) -> Facts:
    """The facts that ``observe.sh`` prints up to "end"; ``StepFailed`` if they are incomplete."""
    draft = _Draft()
    with understood(lambda why: _unreadable(node, why)):
        said, end, _ = output.partition("\nend\n")
        if not end:
            raise ValueError("the last line is missing")
        for line in said.splitlines():
            key, _, rest = line.partition(" ")
            _read_line(draft, key, rest)
        return _finish(draft)


def _unreadable(node: str, why: str) -> StepFailed:
    return StepFailed(
        f"cannot parse the host's facts: {why}",
        where=node,
        hint="rerun with --verbose and report the output",
    )


def _finish(draft: _Draft) -> Facts:
    files = {
        path: FileFact(f.kind, f.mode, f.owner, f.size, f.sha256, draft.contents.get(path))
        for path, f in draft.files.items()
    }
    return Facts(
        traits=_traits(draft.traits),
        files=files,
        owned=frozenset(draft.owned),
        units=draft.units,
        listeners=tuple(draft.listeners),
        k3s_version=draft.traits["k3s-version"],
        node_token=draft.node_token,
        condition=parse_condition(draft.condition),
        parts=draft.parts,
        done=draft.done,
        kubeconfig=draft.kubeconfig,
    )


def _cgroup_version(text: str) -> int:
    if text not in {"1", "2"}:
        raise ValueError(f"cgroup version {text[:20]!r}")
    return number(text)


def _traits(found: Mapping[str, str]) -> HostTraits:
    return HostTraits(
        machine=found["machine"],
        os=found["os"],
        init=found["init"],
        cgroup_version=_cgroup_version(found["cgroup-version"]),
        cgroup_controllers=frozenset(found["cgroup-controllers"].split()),
        memory=number(found["memory-kib"]) * 1024,
        cpus=number(found["cpus"]),
        hostname=found["hostname"],
        machine_id=found["machine-id"],
        clock=number(found["clock"]),
        default_route=found["default-route"] == "yes",
        board=found["board"],
        logrotate=found.get("logrotate") == "yes",
        kernel=found.get("kernel", ""),
        has=frozenset(found.get("has", "").split()),
        wifi=tuple(found.get("wifi", "").split()),
        network_namespace=found.get("network-namespace", ""),
        ssh_host_key=found.get("ssh-host-key", ""),
    )
