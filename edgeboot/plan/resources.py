"""What a node should have, as values. Components make them, ``diff`` compares them with facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeboot.blob import BytesSource, Source
from edgeboot.secret import Secret


@dataclass(frozen=True)
class KnownAfter:
    """A value that exists only after something has happened; it is observed then, never guessed."""

    after: str  # "server-1 is up"

    def __str__(self) -> str:
        return f"(known after {self.after})"


Content = Source | Secret | KnownAfter


@dataclass(frozen=True)
class Directory:
    """A directory with its mode, owned by root; ``kept``: one that is there stays as it is."""

    path: str
    mode: int = 0o755
    kept: bool = False


@dataclass(frozen=True)
class File:
    """A file with its content and mode, owned by root.

    ``restarts`` names the service that has to be started anew when the content changes.
    ``bulky`` marks what is large and stands on its own, so that it is sent before anything else.
    """

    path: str
    content: Content
    mode: int = 0o644
    restarts: str | None = None
    bulky: bool = False


@dataclass(frozen=True)
class CreateOnly:
    """A file that is made where it is missing, and whose content is left alone where it exists.

    A token that was generated once, or a file that K3s itself goes on writing. ``changes``: another
    step gives it a content that is not known yet.
    """

    path: str
    fresh: Source | Secret
    mode: int = 0o600
    restarts: str | None = None
    changes: bool = False


@dataclass(frozen=True)
class Service:
    """A service that is enabled, and running with the files that name it in ``restarts``."""

    name: str


@dataclass(frozen=True)
class Action:
    """Something that has been done to a host with certain ``inputs``, a hash: once for each.

    The host remembers the hash under ``name``. Empty inputs say that nothing is wanted: where
    something was done it is done away with, and forgotten. ``stdin`` and ``deadline`` (seconds)
    are for the snippet.
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
