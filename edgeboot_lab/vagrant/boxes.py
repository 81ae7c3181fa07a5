"""What Vagrant and the machines themselves say about getting in, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from edgeboot_lab.errors import LabFailed, LabRefused

# What is run in a machine: its public host key, then a line for each of its addresses.
QUESTION = "cat /etc/ssh/ssh_host_ed25519_key.pub && PATH=$PATH:/usr/sbin:/sbin ip -4 -o address"
_KEY = re.compile(r"^(ssh-ed25519 [A-Za-z0-9+/=]+)(?:\s|$)", re.M)
_ADDRESS = re.compile(r"^\d+: (\S+)\s+inet ([0-9.]+)/", re.M)


@dataclass(frozen=True)
class Login:
    """How Vagrant gets into one machine."""

    node: str
    host: str
    user: str
    key: Path


@dataclass(frozen=True)
class MachineFacts:
    """What a machine says of itself: its host key, its interfaces by their addresses."""

    host_key: str
    interfaces: dict[IPv4Address, str]


def parse_logins(text: str) -> dict[str, Login]:
    """The machines in the output of ``vagrant ssh-config`` (templates/commands/ssh_config).

    A ``Host`` line begins a machine; keywords are separated from their values by a blank, and a
    path with blanks is quoted. LabFailed where a machine lacks one of the four that are needed.
    """
    found: dict[str, dict[str, str]] = {}
    settings: dict[str, str] | None = None
    for line in text.splitlines():
        keyword, _, value = line.strip().partition(" ")
        value = value.strip().strip('"')
        if keyword == "Host":
            settings = found.setdefault(value, {})
        elif keyword and settings is None:
            raise LabFailed(f"`vagrant ssh-config` printed {line.strip()!r} before any Host")
        elif keyword and settings is not None:
            settings.setdefault(keyword, value)  # as in ssh_config(5), the first one counts
    return {node: _login(node, settings) for node, settings in found.items()}


def _login(node: str, settings: dict[str, str]) -> Login:
    missing = [word for word in ("HostName", "User", "IdentityFile") if not settings.get(word)]
    if missing:
        raise LabFailed(f"`vagrant ssh-config` has no {missing[0]} for it", where=node)
    if "ProxyCommand" in settings or not _is_near(settings["HostName"]):
        raise LabRefused(
            "it runs on another computer, so its host key cannot be verified",
            where=node,
            hint="use a provider on this machine (VirtualBox, or libvirt at qemu:///system)",
        )
    key = Path(settings["IdentityFile"])
    if not key.is_file():
        raise LabFailed(f"vagrant's private key does not exist: {key}", where=node)
    return Login(node, settings["HostName"], settings["User"], key)


def _is_near(host: str) -> bool:
    """Loopback (VirtualBox forwards a port of it) or a private address (libvirt's own network)."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def parse_facts(node: str, text: str) -> MachineFacts:
    """What a machine answered to ``QUESTION``."""
    key = _KEY.search(text)
    if key is None:
        raise LabFailed(f"it shows no ed25519 host key; it printed: {text[-500:]!r}", where=node)
    interfaces = {IPv4Address(hit[2]): hit[1] for hit in _ADDRESS.finditer(text)}
    return MachineFacts(key[1], interfaces)
