"""A group of commands that are imported when they are asked for: each needs other libraries.

Importing all of them takes longer than an ``install`` that has nothing to do spends on its hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from edgeboot.cli.groups import Group
from edgeboot.cli.run.following import completing
from edgeboot.cli.terminal.verbosity import add_options


class LazyGroup(Group):
    """A ``click.Group`` that imports a command from its module, ``lazy[NAME]``, on first use.

    The module has the command under its own name. Only ``--help`` and completion import them all.
    """

    lazy: Mapping[str, str] = MappingProxyType({})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """The names, in the order in which they were given."""
        return [*self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported the first time."""
        if cmd_name in self.lazy and cmd_name not in self.commands:
            command = getattr(import_module(self.lazy[cmd_name]), cmd_name)
            add_options(command)
            _complete_hints(command)
            self.add_command(command)
        return super().get_command(ctx, cmd_name)


def _complete_hints(command: click.Command) -> None:
    """Has the errors of a command and all its subcommands name complete commands."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _complete_hints(below)
    elif command.callback:
        command.callback = completing(command.callback)
