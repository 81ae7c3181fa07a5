"""Every command of edgeboot, with its path."""

from __future__ import annotations

from collections.abc import Iterator

import click

from edgeboot.cli.main import cli


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Those that are not groups: ``("bundle", "build")`` and the command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command
