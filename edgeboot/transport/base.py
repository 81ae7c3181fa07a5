"""The seam between deciding and hosts: commands as values, results as values, five verbs.

A command is an argv tuple or a packaged snippet with positional parameters; it is quoted once, in
the transport. Every verb has a deadline. Failures of the connection are ``Unreachable`` or
``Refused`` (edgeboot.errors); a command that ran and failed is a ``Result``, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgeboot.blob import Source
from edgeboot.secret import Secret


@dataclass(frozen=True)
class Argv:
    """A program and its arguments, exactly as the program receives them."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Snippet:
    """A packaged POSIX shell file (``edgeboot/shell/NAME.sh``) with its positional parameters."""

    name: str
    parameters: tuple[str, ...] = ()


Command = Argv | Snippet


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended; output is decoded as UTF-8 with replacement."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the command ended with 0."""
        return self.exit_code == 0


class Held(Protocol):
    """A command that keeps running on the host as long as the operator's heartbeat continues."""

    @property
    def output(self) -> str:
        """What the command had printed up to its ready line."""

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as is known."""

    def release(self) -> None:
        """Ends the heartbeat, so that the command ends; never raises."""


class Channel(Protocol):
    """A stream of bytes to a TCP port, through the connection to a host.

    ``within`` is in seconds. Raises ``TimeoutError`` if the other end takes longer,
    ``ConnectionError`` if it is gone, ``Unreachable`` if the connection to the host is lost.
    """

    def send(self, data: bytes, *, within: float) -> None:
        """Sends all of ``data``."""

    def receive(self, *, within: float) -> bytes:
        """Some bytes, at least one; none at the end of the stream."""

    def close(self) -> None:
        """Ends the stream; never raises, may be called again."""


@dataclass(frozen=True)
class NoChannel:
    """Why a host opened no channel; ``forbidden`` if its SSH server does not allow forwarding."""

    why: str
    forbidden: bool = False


Progress = Callable[[int], None]  # bytes written to the connection so far


class Transport(Protocol):
    """One host over one connection; methods may be called from one thread at a time."""

    @property
    def node(self) -> str:
        """Name of the node in the inventory."""

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        """Runs a command as root and returns when it has ended.

        ``deadline`` in seconds bounds the whole call; passing it raises ``Unreachable``.
        """

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        """Runs a snippet as root with a source's bytes on its standard input.

        There is no total deadline, since links are slow: ``stall`` seconds without a byte going
        out, or without an answer after the last one, raise ``Unreachable``.
        """

    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        """Starts a snippet as root that stays while it is fed a heartbeat (a byte every 10 s).

        Returns a ``Held`` once it printed ``ready`` on a line of its own, or the ``Result`` where
        it ended before that.
        """

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        """Lets the host connect to a TCP port, its own or another machine's.

        ``deadline`` in seconds bounds the opening. A port that nobody listens on, or that does not
        answer, is a ``NoChannel``, as is a host that may not forward.
        """

    def reconnect(self) -> None:
        """Reconnects, in one attempt, with everything verified again; else ``Unreachable``."""

    def close(self) -> None:
        """Ends the connection; never raises, may be called again."""
