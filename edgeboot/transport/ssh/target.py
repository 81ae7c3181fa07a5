"""Where to connect to and how long to wait for it: the values an SSH connection is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SshTarget:
    """A node, or a jump host before it; None leaves the choice to ``~/.ssh/config`` and SSH.

    ``password`` says whose password to ask for if no key is accepted; None: no password.
    ``node`` is the name in errors. ``host_key`` is a public key (``ssh-ed25519 AAAA…``) or a
    fingerprint (``SHA256:…``); if given, nothing else is accepted. ``known_hosts`` is read in
    addition to the files of the ``HostKeys``.
    """

    node: str
    address: str
    user: str | None = None
    port: int | None = None
    key: Path | None = None
    host_key: str | None = None
    jump: SshTarget | None = None
    known_hosts: Path | None = None
    password: str | None = None


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds, and how much a command may print, in bytes.

    ``silence`` is the longest a live peer may say nothing: it is asked for a sign of life long
    before. ``retries`` counts further attempts after a refusal before the server's banner.
    """

    connect: float = 10.0
    banner: float = 10.0
    auth: float = 20.0
    channel: float = 20.0
    silence: float = 24.0
    heartbeat: float = 10.0
    retries: int = 3
    retry_pause: float = 0.5
    linger: float = 1.0
    output: int = 32 << 20


@dataclass(frozen=True)
class Hop:
    """A target with ``~/.ssh/config`` applied; ``via`` is the hop before it.

    ``agent`` is the socket of the SSH agent: None for the one of SSH_AUTH_SOCK, an empty path for
    no agent. ``connect_timeout`` is in seconds.
    """

    node: str
    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    key_given: bool
    agent_only_listed: bool
    host_key: str | None
    known_as: str
    known_hosts: tuple[Path, ...]
    via: Hop | None
    certificates: tuple[Path, ...] = ()
    password: str | None = None
    agent: Path | None = None
    connect_timeout: int | None = None
    address_family: str = "any"

    @property
    def where(self) -> str:
        """How messages name this hop."""
        return f"{self.node} ({self.user}@{self.host}:{self.port})"

    @property
    def chain(self) -> tuple[Hop, ...]:
        """All hops, the first to connect to first."""
        return (*self.via.chain, self) if self.via else (self,)
