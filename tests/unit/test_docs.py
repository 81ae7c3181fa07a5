"""The documents are true: every command in them exists and takes the options shown."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from edgeboot.inventory.schema.reference import markdown
from tests.support.commands import commands
from tests.support.documents import parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown_in(text: str) -> list[str]:
    """Command lines that start with ``edgeboot`` in a code block."""
    lines = (
        line.strip()
        for block in re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in block.splitlines()
    )
    return [line for line in lines if line.startswith("edgeboot ")]


def examples_of(command: click.Command) -> list[str]:
    """Command lines in the block that Click is told not to rewrap."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    return [line for line in lines if line.startswith("edgeboot ")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_commands_in_documents_parse(path: Path) -> None:
    for line in shown_in(path.read_text()):
        parse(line)


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_every_command_has_help_and_an_example_that_parses(
    path: tuple[str, ...], command: click.Command
) -> None:
    examples = examples_of(command)
    assert command.help, path
    assert any(line.startswith("edgeboot " + " ".join(path)) for line in examples), path
    for line in examples:
        parse(line)


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for path, _ in commands():
        assert re.search(rf"edgeboot {path[0]}\b", readme), path
        assert path[-1] in readme, path


def test_every_option_has_help() -> None:
    for path, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in DOCUMENTS:
        for target in re.findall(r"`make ([a-z0-9-]+)", path.read_text()):
            assert target in targets, f"{path.name}: make {target}"


def test_the_inventory_reference_is_what_the_schema_says() -> None:
    assert (ROOT / "docs" / "inventory.md").read_text() == markdown(), (
        "run: edgeboot inventory schema --markdown > docs/inventory.md"
    )
