"""``~/.ssh/config`` and ``/etc/ssh/ssh_config``: what they say about a target.

``Include`` and jump chains are followed; the user's file comes first, as with ssh.

What a target names itself wins over the file, as on ssh's command line. ``ProxyCommand`` is
refused: a program between edgeboot and the host cannot be watched for silence.
"""

from __future__ import annotations

import fnmatch
import getpass
import io
import re
from collections.abc import Iterator
from pathlib import Path

import paramiko

from edgeboot.errors import BadInput
from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.target import Hop, SshTarget

_INCLUDE_DEPTH = 16
_JUMP_DEPTH = 8
_SSH_PORT = 22
_KEYWORD = re.compile(r"^\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$")


def load(*paths: Path) -> paramiko.SSHConfig:
    """The parsed files, the first one first; ``BadInput`` if one cannot be read."""
    config = paramiko.SSHConfig()
    for path in paths:
        if not path.exists():
            continue
        try:
            config.parse(io.StringIO("\n".join(("Host *", *_lines(path, path.parent, 0)))))
        except (OSError, UnicodeDecodeError, paramiko.ConfigParseError, ValueError) as error:
            raise BadInput(
                f"cannot read the SSH configuration: {error}", where=str(path)
            ) from error
    return config


def _lines(path: Path, home: Path, depth: int) -> Iterator[str]:
    """The file's lines with ``Include`` replaced, which paramiko does not do."""
    if depth > _INCLUDE_DEPTH:
        raise ValueError("Include is nested too deeply")
    scope = "Host *" if depth == 0 else None
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _KEYWORD.match(line)
        keyword = found[1].lower() if found else ""
        if keyword in {"host", "match"}:
            scope = line
        if not found or keyword != "include":
            yield line
            continue
        for pattern in found[2].replace('"', "").split():
            for included in _glob(pattern, home):
                yield from _lines(included, home, depth + 1)
        if scope:  # a Host line in an included file ends with that file
            yield scope


def _glob(pattern: str, home: Path) -> list[Path]:
    absolute = home / expanded(pattern)
    relative = absolute.relative_to(absolute.anchor)
    return sorted(p for p in Path(absolute.anchor).glob(str(relative)) if p.is_file())


def aliases(config: paramiko.SSHConfig, pattern: str) -> tuple[str, ...]:
    """The hosts (not the patterns) that a configuration names and ``pattern`` matches, sorted."""
    names = (n for n in config.get_hostnames() if not set(n) & set("*?!"))
    return tuple(sorted(n for n in names if fnmatch.fnmatchcase(n, pattern)))


class _Loop(Exception):
    """A jump host of a jump host, and so on, without end."""


def resolve(target: SshTarget, config: paramiko.SSHConfig) -> Hop:
    """The hop to connect to, with the hops before it; raises ``BadInput``."""
    try:
        return _resolve(target, config, None, 0)
    except _Loop:
        raise BadInput(
            "its jump hosts form a loop",
            where=target.node,
            hint="check ProxyJump in ~/.ssh/config, and `jump:` in the inventory",
        ) from None
    except (paramiko.SSHException, ValueError) as error:
        raise BadInput(f"invalid SSH configuration: {error}", where=target.node) from error


def _resolve(target: SshTarget, config: paramiko.SSHConfig, via: Hop | None, depth: int) -> Hop:
    if depth > _JUMP_DEPTH:
        raise _Loop
    found = config.lookup(target.address)
    host = str(found.get("hostname", target.address))
    port = target.port or int(found.get("port", _SSH_PORT))
    if via is None and target.jump:
        via = _resolve(target.jump, config, None, depth + 1)
    elif via is None:
        via = _configured_jumps(target, host, found, config, depth)
    listed = [expanded(p) for p in found.get("identityfile", [])]
    certificates = str(found.get("certificatefile", "")).split()
    known = [expanded(p) for p in str(found.get("userknownhostsfile", "")).split()]
    if target.known_hosts:
        known.append(target.known_hosts)
    name = host.lower() if port == _SSH_PORT else f"[{host.lower()}]:{port}"
    return Hop(
        node=target.node,
        host=host,
        port=port,
        user=target.user or str(found.get("user") or getpass.getuser()),
        keys=(expanded(target.key),) if target.key else tuple(listed),
        key_given=target.key is not None,
        agent_only_listed=str(found.get("identitiesonly", "no")).lower() == "yes",
        host_key=target.host_key,
        known_as=str(found.get("hostkeyalias", name)),
        known_hosts=tuple(known),
        via=via,
        certificates=tuple(expanded(p) for p in certificates),
        password=target.password,
    )


def _configured_jumps(
    target: SshTarget,
    host: str,
    found: paramiko.SSHConfigDict,
    config: paramiko.SSHConfig,
    depth: int,
) -> Hop | None:
    jumps = str(found.get("proxyjump", "none"))
    if jumps.lower() == "none":
        if "proxycommand" in found:
            raise BadInput(
                "its SSH configuration uses ProxyCommand, which edgeboot does not support",
                where=target.node,
                hint="use ProxyJump there, or `jump:` in the inventory",
            )
        return None
    via: Hop | None = None
    for spec in jumps.split(","):
        jump = _parse_jump(spec.strip(), target.node)
        if jump.address in {target.address, host}:  # `Host *` with a ProxyJump: not to itself
            return None
        via = _resolve(jump, config, via, depth + 1)
    return via


def _parse_jump(spec: str, node: str) -> SshTarget:
    """``[ssh://][user@]host[:port]``, the host in brackets if it contains colons."""
    user, at, rest = spec.removeprefix("ssh://").rstrip("/").rpartition("@")
    parts = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?", rest)
    if not parts or (at and not user):
        raise BadInput(f"ProxyJump {spec!r} is not [user@]host[:port]", where=node)
    address, port = parts[1] or parts[3], parts[2] or parts[4]
    return SshTarget(f"{node}'s jump host", address, user or None, int(port) if port else None)
