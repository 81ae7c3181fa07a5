"""The next command, pasteable as it stands: with the options that this one was given.

Rooms below the CLI name commands in their hints without knowing how edgeboot was called. They are
completed here, where it is known: "run `edgeboot status`" becomes "run `edgeboot status -i
sites/north.yml`". Nothing is added that the command named does not take or already has.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from edgeboot.cli.terminal.verbosity import is_quiet
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import EdgebootError

# What goes with any later command, and what only with the next step of the same work: to finish
# what --limit began, another run may need all hosts.
_LASTING = frozenset(
    {
        *("inventory_path", "bundle_path", "ask_pass", "ask_sudo_pass", "parallel", "uploads"),
        *("allow_unsigned", "allow_expired", "allow_older", "allow", "no_reboot", "open_firewall"),
        *("retry_for", "skip_unreachable"),
    }
)
_ONCE = frozenset(
    {"limit", "foreign", "forget_node_passwords", "new_agent_token", "new_server_token"}
)
_IN_TEXT = re.compile(r"`edgeboot ([^`\n]+)`|(?<=: )edgeboot ([^`;\n]+)")


def tell_next(command: str, *words: str, whole: bool = False) -> None:
    """Ends the output with the command to run next; nothing with --quiet.

    That is ``edgeboot COMMAND`` with the options given to this run, then ``words``, quoted.
    ``whole``: on the whole cluster, whatever part of it this run was limited to.
    """
    if is_quiet():
        return
    path = command.split()
    given = _given(path, [*path, *words], _LASTING if whole else _LASTING | _ONCE)
    click.echo(f"next: {shlex.join(['edgeboot', *path, *given, *words])}")


def completed(text: str) -> str:
    """A text whose edgeboot commands have the inventory, bundle and login that were given."""

    def with_options(found: re.Match[str]) -> str:
        written = found[1] or found[2]
        words = re.findall(r"\S+", written)
        path = _path(words)
        given = shlex.join(_given(path, words, _LASTING))
        if not path or not given:
            return found.group()
        head = " ".join(path)
        return found.group().replace(written, f"{head} {given}{written[len(head) :]}", 1)

    return _IN_TEXT.sub(with_options, text)


def completing(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose errors name complete commands."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except EdgebootError as error:
            for one in (error, *(error.errors.values() if isinstance(error, FleetError) else ())):
                one.hint = completed(one.hint) if one.hint else None
            raise

    return call


def _path(words: list[str]) -> list[str]:
    """The words that name a command, such as ``bundle build``; empty if there is none."""
    context = click.get_current_context().find_root()
    command: click.Command = context.command
    path: list[str] = []
    while isinstance(command, click.Group):
        found = command.get_command(context, words[len(path)]) if words[len(path) :] else None
        if found is None:
            return []
        command, path = found, words[: len(path) + 1]
    return path


def _given(path: list[str], words: list[str], carried: frozenset[str]) -> list[str]:
    """The options on this run's command line that the command at ``path`` takes and has not."""
    context = click.get_current_context()
    found: list[str] = []
    theirs = _options(path)
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in carried or name not in theirs:
            continue
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        names = {*parameter.opts, *theirs[name].opts}
        if not names & {word.partition("=")[0] for word in words}:
            found += _as_words(theirs[name], context.params[name])
    return found


def _options(path: list[str]) -> dict[str, click.Parameter]:
    root = click.get_current_context().find_root()
    command: click.Command | None = root.command
    for word in path:
        command = command.get_command(root, word) if isinstance(command, click.Group) else None
    return {parameter.name or "": parameter for parameter in command.params} if command else {}


def _as_words(parameter: click.Parameter, value: Any) -> Iterator[str]:
    name = parameter.opts[0]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        yield name
        return
    for one in value if isinstance(value, tuple) else (value,):
        yield from (name, str(one))
