"""``--verbose`` and ``--quiet``: accepted before and after the name of a command."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from edgeboot.blob import Source
from edgeboot.secret import Secret
from edgeboot.transport.base import (
    Argv,
    Channel,
    Command,
    Held,
    NoChannel,
    Progress,
    Result,
    Snippet,
    Transport,
)

_VERBOSE, _QUIET = "edgeboot.verbose", "edgeboot.quiet"


def add_options(command: click.Command) -> None:
    """Gives both options to a command and all its subcommands."""
    command.params += _options()
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_options(below)


def _options() -> list[click.Parameter]:
    def remember(key: str) -> Callable[[click.Context, click.Parameter, bool], Any]:
        def set_it(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
            if value:
                context.find_root().meta[key] = True

        return set_it

    return [
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=remember(_VERBOSE),
            help="Show each command run on a host, its exit code and its standard error.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=remember(_QUIET),
            help="Show results and errors only, no progress.",
        ),
    ]


def is_quiet() -> bool:
    """Whether progress is unwanted."""
    return _is_set(_QUIET)


def verbosely() -> Callable[[Transport], Transport]:
    """What to wrap connections in: with --verbose, one that reports every command."""
    return Verbose if _is_set(_VERBOSE) else lambda transport: transport


def _is_set(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and key in context.find_root().meta


class Verbose:
    """A Transport that reports on standard error what it runs.

    Never parameters, standard input or standard output: there are tokens in them.
    """

    def __init__(self, transport: Transport) -> None:
        self._inner = transport

    @property
    def node(self) -> str:
        """Name of the node."""
        return self._inner.node

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        """See ``Transport.run``."""
        began = time.monotonic()
        return self._told(command, began, self._inner.run(command, stdin=stdin, deadline=deadline))

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        """See ``Transport.put``."""
        began = time.monotonic()
        done = self._inner.put(source, command, progress=progress, stall=stall)
        return self._told(command, began, done)

    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        """See ``Transport.hold``."""
        began = time.monotonic()
        done = self._inner.hold(command, ready=ready, deadline=deadline)
        if isinstance(done, Result):
            return self._told(command, began, done)
        self._say(command, began, "ready")
        return done

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        """See ``Transport.open_channel``."""
        began = time.monotonic()
        opened = self._inner.open_channel(host, port, deadline=deadline)
        end = opened.why if isinstance(opened, NoChannel) else "open"
        click.echo(
            f"  {self.node}: port {port} of {host}: {end}, {time.monotonic() - began:.1f} s",
            err=True,
        )
        return opened

    def reconnect(self) -> None:
        """See ``Transport.reconnect``."""
        self._inner.reconnect()

    def close(self) -> None:
        """See ``Transport.close``."""
        self._inner.close()

    def _told(self, command: Command, began: float, done: Result) -> Result:
        self._say(command, began, f"exit code {done.exit_code}")
        for line in done.stderr.splitlines():
            click.echo(f"    {self.node}: {line}", err=True)
        return done

    def _say(self, command: Command, began: float, end: str) -> None:
        name = command.words[0] if isinstance(command, Argv) else command.name
        seconds = time.monotonic() - began
        click.echo(f"  {self.node}: {name}: {end}, {seconds:.1f} s", err=True)
