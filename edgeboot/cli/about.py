"""``edgeboot version`` and ``edgeboot help``: as other programs spell --version and --help."""

from __future__ import annotations

import json
import platform

import click

from edgeboot import __version__
from edgeboot.cli.formats import output_option


@click.command()
@output_option("text", "json")
def version(output: str) -> None:
    """Show the version of edgeboot.

    \b
    edgeboot version
    edgeboot version -o json
    """
    if output == "json":
        found = {"version": __version__, "python": platform.python_version()}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(f"edgeboot, version {__version__}")


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help(context: click.Context, words: tuple[str, ...]) -> None:  # noqa: A001 - its own name
    """Show the help of a command, as --help does.

    \b
    edgeboot help
    edgeboot help install
    edgeboot help bundle build
    """
    at = context.find_root()
    for word in words:
        if not isinstance(at.command, click.Group):
            raise click.UsageError(f"'{at.command_path}' has no commands.", context)
        name, command, _ = at.command.resolve_command(at, [word])
        if command is None:
            raise click.UsageError(f"No such command {word!r}.", context)
        at = click.Context(command, info_name=name, parent=at)
    click.echo(at.get_help())
