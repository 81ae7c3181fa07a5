"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeboot.cli.terminal.prompts import Asking
from edgeboot.errors import BadInput

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)
DEFAULT_INVENTORIES = ("inventory.yml", "inventory.yaml")


def inventory_option(function: F) -> F:
    """``-i`` or ``-f``: which inventory."""
    return click.option(
        "-i",
        "-f",
        "--inventory",
        "inventory_path",
        type=_PATH,
        metavar="FILE",
        envvar="EDGEBOOT_INVENTORY",
        show_envvar=True,
        callback=_inventory,
        help="The cluster's inventory.  [default: inventory.yml or inventory.yaml]",
    )(function)


def _inventory(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    """The inventory that was named, else the one in this directory."""
    if value is not None:
        if str(value) == "-":
            raise click.UsageError("An inventory cannot be read from standard input.", context)
        return value
    found = [path for path in map(Path, DEFAULT_INVENTORIES) if os.path.exists(path)]
    if len(found) > 1 and not context.resilient_parsing:
        both = " and ".join(map(str, found))
        raise BadInput(f"both {both} exist", hint=f"name one of them: -i {found[0]}")
    return found[0] if found else Path(DEFAULT_INVENTORIES[0])


def bundle_option(function: F) -> F:
    """``--bundle``: which bundle, instead of the inventory's."""
    return click.option(
        "--bundle",
        "bundle_path",
        type=_PATH,
        metavar="FILE",
        envvar="EDGEBOOT_BUNDLE",
        show_envvar=True,
        help="Bundle to use instead of the inventory's.",
    )(function)


def accept_new_option(function: F) -> F:
    """``--accept-new``: trust hosts that nothing is known about."""
    return click.option(
        "--accept-new",
        is_flag=True,
        help="Accept and record the keys of unknown hosts; changed keys are still refused.",
    )(function)


def ask_options(function: F) -> F:
    """``--ask-pass`` and ``--ask-sudo-pass``, folded into one ``asking``."""

    @wraps(function)
    def with_asking(*args: Any, ask_pass: bool, ask_sudo_pass: bool, **kwargs: Any) -> Any:
        return function(*args, asking=Asking(ask_pass, ask_sudo_pass), **kwargs)

    login = click.option(
        "--ask-pass", is_flag=True, help="Ask once for the SSH password of the hosts."
    )
    sudo = click.option(
        "-K",
        "--ask-sudo-pass",
        is_flag=True,
        help="Ask for the sudo password before connecting, not when a host first needs it.",
    )
    return cast(F, login(sudo(with_asking)))
