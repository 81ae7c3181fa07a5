"""What messages tell users to write works: commands and options exist, YAML has known keys."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from edgeboot.bundle.build import schema as bundle_schema
from edgeboot.cli.main import cli
from edgeboot.inventory.k3s_keys import KEYS
from edgeboot.inventory.schema import document
from tests.support.messages import Message, messages

SCHEMAS = (document.json_schema(), bundle_schema.json_schema())
_PLACEHOLDER = re.compile(r"\{(?![^{}]*: )[^{}]*\}")
_FRAGMENT = re.compile(r"`([^`]+)`")
_BARE_COMMAND = re.compile(r"(?:^|: )edgeboot ([a-z][^`;,()]*)")
_BARE_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")
_MAPPING = re.compile(r"\{?\s*[a-z][\w-]*:(?:\s|$)")

PYTHON = [m for m in messages() if m.path.suffix == ".py"]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its path: ``bundle build``."""

    def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found
                yield from below(f"{path} {name}".strip(), found)

    return below("", cli)


COMMANDS = dict(commands())


def options(command: click.Command) -> dict[str, bool]:
    """A command's options, and whether each has a value."""
    return {
        name: isinstance(parameter, click.Option) and not parameter.is_flag
        for parameter in command.get_params(click.Context(command))
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


OPTIONS = {name for command in COMMANDS.values() for name in options(command)}


def mistake_in_command(words: list[str]) -> str | None:
    """What keeps ``edgeboot WORDS`` from being called; None where nothing does."""
    path, rest = "", list(words)
    while isinstance(COMMANDS[path], click.Group) and rest and not rest[0].startswith("-"):
        path = f"{path} {rest.pop(0)}".strip()
        if path not in COMMANDS:
            return f"there is no command {path!r}"
    command = COMMANDS[path]
    known = options(command)
    interspersed = command.context_settings.get("allow_interspersed_args", True)
    while rest:
        word = rest.pop(0)
        if not re.match(r"--?[A-Za-z]", word):
            if not interspersed:
                break  # the rest is for another program
            continue
        name, _, value = word.partition("=")
        if name not in known:
            return f"{path!r} has no option {word}"
        if known[name] and not value and rest:
            rest.pop(0)
    return None


def subschemas(schema: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and those that hold for the same value, or for an item of it."""
    if not isinstance(schema, dict):
        return
    yield schema
    if reference := schema.get("$ref"):
        found: Any = root
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        yield from subschemas(found, root)
    for key in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(key, ()):
            yield from subschemas(one, root)
    yield from subschemas(schema.get("items"), root)


def properties(name: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The schemas of a key, wherever it may be."""

    def below(value: Any, root: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        if isinstance(value, dict):
            found = value.get("properties", {})
            if isinstance(found, dict) and name in found:
                yield found[name], root
            for one in value.values():
                yield from below(one, root)
        elif isinstance(value, list):
            for one in value:
                yield from below(one, root)

    for root in SCHEMAS:
        yield from below(root, root)


def mistake_in_yaml(value: Any, below: str | None = None) -> str | None:
    """The first key that neither an inventory nor a bundle.yml knows there."""
    if isinstance(value, list):
        return next(filter(None, (mistake_in_yaml(one, below) for one in value)), None)
    if not isinstance(value, dict):
        return None
    for key, inner in value.items():
        if below is None:
            known = key in KEYS or any(True for _ in properties(key))
        else:
            schemas = [s for p, root in properties(below) for s in subschemas(p, root)]
            known = any(key in s.get("properties", {}) for s in schemas) or any(
                isinstance(s.get("additionalProperties"), dict) or "patternProperties" in s
                for s in schemas
            )
        if not known:
            return f"unknown key {key!r}" + (f" below {below!r}" if below else "")
        if found := mistake_in_yaml(inner, key):
            return found
    return None


def mistakes(text: str) -> Iterator[str]:
    """Whatever a reader who follows the text would fail with."""
    for fragment in _FRAGMENT.findall(text):
        found = mistake_in_fragment(_PLACEHOLDER.sub("X", fragment))
        if found:
            yield found
    for command in _BARE_COMMAND.findall(_PLACEHOLDER.sub("X", _FRAGMENT.sub("", text))):
        words = command.replace("'", "").split()
        if words[0] in COMMANDS and (found := mistake_in_command(words)):
            yield found


def mistake_in_fragment(text: str) -> str | None:
    if text.startswith("edgeboot "):
        return mistake_in_command(shlex.split(text)[1:])
    if text.startswith("--"):
        option = text.split()[0]
        return None if option in OPTIONS else f"there is no option {option}"
    if _MAPPING.match(text):
        try:
            return mistake_in_yaml(yaml.safe_load(text.replace("…", "x")))
        except yaml.YAMLError as error:
            return f"{text!r}: {error}"
    return None


def flaws(message: Message) -> list[str]:
    found = list(mistakes(message.text))
    if message.kind in {"hint", "help", "echo"} and "apt-get" not in message.text:
        named = _BARE_OPTION.findall(_FRAGMENT.sub("", message.text))
        found += [f"there is no option {o}" for o in named if o not in OPTIONS]
    return found


def test_messages_name_what_exists() -> None:
    found = [f"{m}\n    <- {flaw}" for m in PYTHON for flaw in flaws(m)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_examples_in_help_texts_can_be_called(path: str) -> None:
    lines = [line.strip() for line in (COMMANDS[path].help or "").splitlines()]
    for line in lines:
        if line.startswith("edgeboot "):
            words = shlex.split(re.split(r" {2,}|[|>]", line)[0])
            assert mistake_in_command(words[1:]) is None, line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("use `edgeboot bundle build -f x --locked`", None),
        ("rerun `edgeboot instal`", "there is no command 'instal'"),
        ("rerun: edgeboot install --forse", "'install' has no option --forse"),
        ("remove it: edgeboot creates it", None),
        ("`board: {name}`, `arches: [{found.name}]`", None),
        ("see `edgeboot plan --force`", "'plan' has no option --force"),
        ("`edgeboot ssh NODE ls -l`", None),
        ("write `host_key:`", "unknown key 'host_key'"),
        ("write `ssh: {host-key: SHA256:…}`", None),
        ("write `ssh: {host_key: x}`", "unknown key 'host_key' below 'ssh'"),
        ("write `coredns: {forward: […]}`", None),
        ("write `kubelet-arg: [x]` below `config`", None),
        ("write `k3s: {a`", "`k3s"),
        ("`--ask-pass` or `--ask-pas`", "there is no option --ask-pas"),
    ],
)
def test_a_mistake_is_found(text: str, found: str | None) -> None:
    first = next(mistakes(text), None)
    if found is None:
        assert first is None
    elif found == "`k3s":
        assert first
        assert "expected" in first
    else:
        assert first == found
