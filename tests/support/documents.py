"""Commands in the code blocks of documents."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from edgeboot.cli.main import cli


def commands_in(path: Path) -> list[str]:
    """Every edgeboot command in the code blocks of a document."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.S)
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("edgeboot ")]


def parse(line: str) -> None:
    """Parses a command line as the real command would, without carrying it out."""
    words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="edgeboot")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{line}: there is no command {name}"
        command = found
    command.make_context("edgeboot", words, parent=context)
