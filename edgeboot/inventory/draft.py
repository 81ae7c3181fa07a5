"""A draft of an inventory: what is known about the hosts, and the text to write.

Scalars are written as JSON where YAML would read them otherwise: every JSON text is YAML.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from edgeboot.inventory import syntax
from edgeboot.inventory.model import ConfigValue, Role

_PLAIN = re.compile(r"[A-Za-z/~][A-Za-z0-9_./~@-]*")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"})
# Default names of images and installers: useless to tell hosts apart.
_GENERIC = frozenset({"localhost", "raspberrypi", "debian", "ubuntu", "alpine", "dietpi", "host"})


@dataclass(frozen=True)
class DraftSsh:
    """How to log in; None leaves it open. ``jump`` is ``[user@]host[:port]``."""

    user: str | None = None
    port: int | None = None
    key: str | None = None
    host_key: str | None = None
    jump: str | None = None
    password: bool = False


@dataclass(frozen=True)
class DraftSettings:
    """K3s's keys, labels and taints of a node or of a role."""

    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


@dataclass(frozen=True)
class DraftNode:
    """One host. An empty name is filled in; ``remark`` becomes a comment above the entry."""

    address: str
    role: Role
    name: str = ""
    ssh: DraftSsh = DraftSsh()
    node_ip: str | None = None
    remark: str = ""
    settings: DraftSettings = DraftSettings()


@dataclass(frozen=True)
class Draft:
    """A whole inventory; ``lost`` is what could not be carried over, one line each."""

    cluster: str
    nodes: tuple[DraftNode, ...]
    bundle: str = "edge.tar"
    bundle_key: str | None = None  # a minisign public key's line
    datastore: str | None = None
    roles: Mapping[Role, DraftSettings] = field(default_factory=dict)
    lost: tuple[str, ...] = field(default=())


def usable(text: str, check: Callable[[str], str], otherwise: str) -> str:
    """The text as ``check`` spells it, else another one."""
    try:
        return check(text)
    except ValueError:
        return otherwise


def named(nodes: Iterable[DraftNode]) -> tuple[DraftNode, ...]:
    """All nodes with names: their own if valid and unique, else ROLE-N."""
    known = [
        replace(node, name=usable(node.name.lower().partition(".")[0], syntax.dns_label, ""))
        for node in nodes
    ]
    counts = Counter(node.name for node in known)
    kept = {n.name for n in known if n.name not in _GENERIC and counts[n.name] == 1} - {""}
    numbers: Counter[Role] = Counter()
    done = []
    for node in known:
        name = node.name if node.name in kept else ""
        while not name or (name in kept and name != node.name):
            numbers[node.role] += 1
            name = f"{node.role.value}-{numbers[node.role]}"
        done.append(replace(node, name=name))
    return tuple(done)


def text_of(draft: Draft) -> str:
    """The commented ``inventory.yml``; SSH settings that all hosts share go into ``defaults``."""
    shared = _shared([node.ssh for node in draft.nodes])
    lines = [
        "# `edgeboot inventory check` checks this file, `edgeboot plan` shows what an install",
        "# would change, and `edgeboot install` installs.",
        "cluster:",
        f"  name: {_scalar(draft.cluster)}",
        *([f"  datastore: {draft.datastore}"] if draft.datastore else []),
        "",
        f"bundle: {_scalar(draft.bundle)}  # from `edgeboot bundle build`; relative to this file",
        f"bundle-keys: [{draft.bundle_key}]  # other bundles are refused"
        if draft.bundle_key
        else "# bundle-keys: [RWQ…]  # printed by `edgeboot bundle keygen`; needed to install",
        "",
    ]
    if shared:
        lines += ["defaults:  # for all nodes; a node's own entry wins", "  ssh:"]
        lines += [f"    {line}" for line in shared]
        lines += ["  # budget: {memory: 512MiB, disk: 4GiB}  # `edgeboot verify` measures it", ""]
    lines += _role_lines(draft.roles)
    lines.append("nodes:")
    for node in draft.nodes:
        lines += _node_lines(node, set(shared))
    return "\n".join(lines).rstrip() + "\n"


def _node_lines(node: DraftNode, shared: set[str]) -> list[str]:
    lines = [f"  # {line}" for line in node.remark.splitlines() if line.isprintable()]
    lines += [
        f"  - name: {_scalar(node.name)}",
        f"    address: {_scalar(node.address)}",
        f"    role: {node.role.value}",
    ]
    if node.node_ip:
        lines.append(f"    node-ip: {_scalar(node.node_ip)}")
    own = [line for line in _ssh_lines(node.ssh) if line not in shared]
    if own:
        lines += ["    ssh:", *(f"      {line}" for line in own)]
    lines += [f"    {line}" for line in _settings_lines(node.settings)]
    return [*lines, ""]


def _role_lines(roles: Mapping[Role, DraftSettings]) -> list[str]:
    lines: list[str] = []
    for role, settings in roles.items():
        own = _settings_lines(settings)
        lines += [f"  {role.value}:", *(f"    {line}" for line in own)] if own else []
    return ["roles:", *lines, ""] if lines else []


def _settings_lines(settings: DraftSettings) -> list[str]:
    lines: list[str] = []
    if settings.config:
        lines += ["config:", *(f"  {key}: {_value(v)}" for key, v in settings.config.items())]
    if settings.labels:
        lines += ["labels:", *(f"  {_scalar(k)}: {_scalar(v)}" for k, v in settings.labels.items())]
    if settings.taints:
        lines.append(f"taints: {_value(settings.taints)}")
    return lines


def _value(value: ConfigValue) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(json.dumps(item, ensure_ascii=False) for item in value)}]"
    return json.dumps(value) if isinstance(value, bool) else _scalar(value)


def _ssh_lines(ssh: DraftSsh) -> list[str]:
    pairs = (
        ("user", ssh.user),
        ("port", ssh.port),
        ("key", ssh.key),
        ("jump", ssh.jump),
        ("password", "ask" if ssh.password else None),
        ("host-key", ssh.host_key),
    )
    return [f"{key}: {_scalar(value)}" for key, value in pairs if value is not None]


def _shared(logins: list[DraftSsh]) -> list[str]:
    """The lines that all hosts have; a host key is its host's alone."""
    first = _ssh_lines(replace(logins[0], host_key=None)) if logins else []
    return [line for line in first if all(line in _ssh_lines(ssh) for ssh in logins)]


def _scalar(value: str | int) -> str:
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or value.lower() in _WORDS_OF_YAML):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
