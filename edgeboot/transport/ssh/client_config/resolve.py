"""A target becomes a chain of hops: what it names itself wins, as on ssh's command line.

``ProxyCommand`` is refused: a program between edgeboot and the host cannot be watched for silence.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.client_config.settings import (
    SSH_PORT,
    HostConfiguration,
    Query,
    Reader,
    Settings,
)
from edgeboot.transport.ssh.client_config.tokens import Tokens
from edgeboot.transport.ssh.target import Hop, SshTarget

_JUMP_DEPTH = 8


class _Loop(Exception):
    """A jump host of a jump host, and so on, without end."""


def resolve(target: SshTarget, reader: Reader) -> Hop:
    """The hop to connect to, with the hops before it; raises ``BadInput``."""
    try:
        return _resolve(target, reader, None, 0)
    except _Loop:
        raise HostConfiguration(
            "its jump hosts form a loop",
            where=target.node,
            hint="check ProxyJump in ~/.ssh/config, and `jump:` in the inventory",
        ) from None


def _resolve(target: SshTarget, reader: Reader, via: Hop | None, depth: int) -> Hop:
    if depth > _JUMP_DEPTH:
        raise _Loop
    query = Query(target.node, target.address, target.user, target.port)
    found = reader.settings(query)
    host, port = found.hostname, target.port or found.port
    if via is None and target.jump:
        via = _resolve(target.jump, reader, None, depth + 1)
    elif via is None:
        via = _configured_jumps(target, found, reader, depth)
    tokens = Tokens(query, found)
    known = [tokens.path(path) for path in found.known_hosts]
    if target.known_hosts:
        known.append(target.known_hosts)
    name = host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"
    return Hop(
        node=target.node,
        host=host,
        port=port,
        user=target.user or found.user,
        keys=(expanded(target.key),) if target.key else _paths(found.identity_files, tokens),
        key_given=target.key is not None,
        agent_only_listed=found.identities_only,
        host_key=target.host_key,
        known_as=found.host_key_alias or name,
        known_hosts=tuple(known),
        via=via,
        certificates=_paths(found.certificate_files, tokens),
        password=target.password,
        agent=_agent(found.identity_agent, tokens),
        connect_timeout=found.connect_timeout,
        address_family=_family(found.address_family, target.node),
    )


def _paths(texts: tuple[str, ...], tokens: Tokens) -> tuple[Path, ...]:
    return tuple(tokens.path(text) for text in texts if text.lower() != "none")


def _agent(text: str | None, tokens: Tokens) -> Path | None:
    """The agent's socket; an empty path means no agent, None the one of SSH_AUTH_SOCK."""
    if text is None or text == "SSH_AUTH_SOCK":
        return None
    if text.lower() == "none":
        return Path()
    variable = re.fullmatch(r"\$(\w+)", text)
    return tokens.path(f"${{{variable[1]}}}" if variable else text)


def _family(text: str, node: str) -> str:
    if text.lower() in {"any", "inet", "inet6"}:
        return text.lower()
    hint = "use any, inet or inet6"
    raise HostConfiguration(f"invalid AddressFamily {text!r}", where=node, hint=hint)


def _configured_jumps(target: SshTarget, found: Settings, reader: Reader, depth: int) -> Hop | None:
    if found.proxy_jump is None:
        if found.proxy_command is not None:
            raise HostConfiguration(
                "its SSH configuration uses ProxyCommand, which edgeboot does not support",
                where=target.node,
                hint="use ProxyJump there, or `jump:` in the inventory",
            )
        return None
    via: Hop | None = None
    for spec in found.proxy_jump.split(","):
        jump = _parse_jump(spec.strip(), target.node)
        # `Host *` with a ProxyJump: the jump host itself is reached directly
        if jump.address.lower() in {target.address.lower(), found.hostname.lower()}:
            return None
        via = _resolve(jump, reader, via, depth + 1)
    return via


def _parse_jump(spec: str, node: str) -> SshTarget:
    """``[ssh://][user@]host[:port]``, the host in brackets if it contains colons."""
    user, at, rest = spec.removeprefix("ssh://").rstrip("/").rpartition("@")
    parts = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?", rest)
    if not parts or (at and not user):
        raise HostConfiguration(
            f"ProxyJump {spec!r} is not [user@]host[:port]",
            where=node,
            hint="correct it in ~/.ssh/config",
        )
    address, port = parts[1] or parts[3], parts[2] or parts[4]
    return SshTarget(f"{node}'s jump host", address, user or None, int(port) if port else None)
