"""What a node should have, as values. Components yield them, ``diff`` compares them with facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeboot.blob import BytesSource, Source
from edgeboot.secret import Secret


@dataclass(frozen=True)
class KnownAfter:
    """A value that exists only after some event; it is observed then, never guessed."""

    after: str  # "server-1 is up"

    def __str__(self) -> str:
        return f"(known after {self.after})"


Content = Source | Secret | KnownAfter


@dataclass(frozen=True)
class Directory:
    """A directory with its mode, owned by root; ``kept``: an existing one is left alone."""

    path: str
    mode: int = 0o755
    kept: bool = False


@dataclass(frozen=True)
class File:
    """A file with its content and mode, owned by root.

    ``restarts`` names the service to restart when the content changes. ``bulky`` marks large files
    that depend on nothing, so that they are sent first.
    """

    path: str
    content: Content
    mode: int = 0o644
    restarts: str | None = None
    bulky: bool = False


@dataclass(frozen=True)
class CreateOnly:
    """A file that is created if missing; the content of an existing one is left alone.

    For a token that is generated once, or a file that K3s itself keeps writing. ``changes``:
    another step gives it content that is not known yet.
    """

    path: str
    fresh: Source | Secret
    mode: int = 0o600
    restarts: str | None = None
    changes: bool = False


@dataclass(frozen=True)
class Service:
    """A service that is enabled and runs with the files that name it in ``restarts``."""

    name: str


@dataclass(frozen=True)
class Action:
    """Something done to a host once for certain ``inputs``, a hash.

    The host records the hash under ``name``. Empty inputs undo the action if it was done, and
    delete the record. ``stdin`` and ``deadline`` (seconds) are for the snippet.
    """

    name: str
    inputs: str
    snippet: str
    text: str
    parameters: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    stdin: bytes | None = field(default=None, repr=False)
    deadline: float | None = None
    hint: str | None = None


Resource = Directory | File | CreateOnly | Service | Action


def text(content: str) -> Source:
    """A small file's content."""
    return BytesSource(content.encode())
