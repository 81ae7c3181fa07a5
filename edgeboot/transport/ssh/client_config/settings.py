"""What edgeboot takes from an SSH configuration, before tokens and ``~`` are replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgeboot.errors import BadInput

SSH_PORT = 22


class HostConfiguration(BadInput):
    """The SSH configuration of one host cannot be used; the other hosts are not affected."""

    error_id = "ssh-configuration"


@dataclass(frozen=True)
class Query:
    """The arguments of ``ssh [-l user] [-p port] host``; ``node`` names it in errors."""

    node: str
    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class Settings:
    """The settings of one host; None and empty where the configuration says nothing.

    ``proxy_jump`` is the list as written, ``proxy_command`` the command. ``identity_agent`` is a
    path, ``none`` or ``SSH_AUTH_SOCK``. ``address_family`` is ``any``, ``inet`` or ``inet6``.
    """

    hostname: str
    user: str
    port: int = SSH_PORT
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    identity_agent: str | None = None
    host_key_alias: str | None = None
    known_hosts: tuple[str, ...] = ()
    proxy_jump: str | None = None
    proxy_command: str | None = None
    connect_timeout: int | None = None
    address_family: str = "any"


class Reader(Protocol):
    """Says what the configuration makes of a host; may be asked by several threads at once."""

    def settings(self, query: Query) -> Settings:
        """The settings; raises ``BadInput`` if the configuration cannot be read."""
        ...
