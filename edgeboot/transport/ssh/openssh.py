"""Configuration of OpenSSH's client for a target; host keys are always checked.

``~/.ssh/config`` and ``/etc/ssh/ssh_config`` apply to what the target leaves open, as in edgeboot's
own connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput, Refused
from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.client_config.settings import Query
from edgeboot.transport.ssh.client_config.tokens import Tokens
from edgeboot.transport.ssh.host_keys import known_hosts
from edgeboot.transport.ssh.host_keys.policy import recorded_file, user_files
from edgeboot.transport.ssh.target import SshTarget

_PATIENCE = 10  # seconds; a host that says nothing for three times as long is given up


@dataclass(frozen=True)
class ClientFiles:
    """What ssh needs: its configuration, and the keys pinned in the inventory."""

    config: str
    known_hosts: str


def client_files(target: SshTarget, pinned: Path, configs: Sequence[Path]) -> ClientFiles:
    """The files for a target and its jump hosts; ``pinned`` is where the pinned keys will be.

    ``configs`` are the user's and the system's own: with ``-F``, ssh reads neither by itself.

    ``Refused`` if a pin is a fingerprint and no known_hosts file has its key.
    """
    blocks: list[str] = []
    pins: list[str] = []
    hop: SshTarget | None = target
    while hop is not None:
        alias = f"edgeboot-{len(blocks)}"
        lines = [f"Host {hop.address}"]
        lines += [f"User {hop.user}"] if hop.user else []
        lines += [f"Port {hop.port}"] if hop.port else []
        lines += [f"IdentityFile {_quoted(hop.key)}"] if hop.key else []
        lines += [f"ProxyJump {_bracketed(hop.jump.address)}"] if hop.jump else []
        if hop.host_key:
            lines += [f"HostKeyAlias {alias}", f"UserKnownHostsFile {_quoted(pinned)}"]
            lines += ["GlobalKnownHostsFile /dev/null", "UpdateHostKeys no"]
            pins.append(f"{alias} {_public_key(hop)}")
        blocks.append("\n  ".join(lines))
        hop = hop.jump
    files = dict.fromkeys((recorded_file(), *user_files(), *_configured(target, configs)))
    known = " ".join(map(_quoted, files))
    rest = f"Host *\n  StrictHostKeyChecking yes\n  UserKnownHostsFile {known}"
    rest += f"\n  ConnectTimeout {_PATIENCE}\n  ServerAliveInterval {_PATIENCE}"
    present = [path for path in configs if expanded(path).is_file()]
    includes = [f"Include {_quoted(path)}" for path in present]
    # The first value counts: the inventory's, then what must hold, then the user's own files.
    return ClientFiles("\n".join([*blocks, rest, *includes, ""]), "\n".join([*pins, ""]))


def _configured(target: SshTarget, configs: Sequence[Path]) -> tuple[Path, ...]:
    """The files of host keys that the configuration names, which ours would hide."""
    query = Query(target.node, target.address, target.user, target.port)
    found = reader(tuple(configs)).settings(query)
    tokens = Tokens(query, found)
    return tuple(tokens.path(path) for path in found.known_hosts)


def _public_key(hop: SshTarget) -> str:
    pin = hop.host_key or ""
    if not pin.startswith("SHA256:"):
        return " ".join(pin.split()[:2])
    for path in (recorded_file(), *user_files()):
        for key in known_hosts.read([path]):
            if known_hosts.fingerprint(key.blob) == pin.rstrip("=") and not key.revoked:
                return known_hosts.as_text(key)
    raise Refused(
        "only the fingerprint of its host key is known, and ssh needs the whole key",
        where=hop.node,
        hint="write the whole key in the inventory: `ssh: {host-key: ssh-ed25519 AAAA…}`",
        error_id="host-key-unknown",
    )


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _quoted(path: Path) -> str:
    text = str(expanded(path))
    if '"' in text or not text.isprintable():
        raise BadInput(f"ssh cannot use the path {text!r}", hint="rename the file")
    # ssh expands %-tokens and ${…} in these settings
    return '"' + text.replace("%", "%%") + '"'
