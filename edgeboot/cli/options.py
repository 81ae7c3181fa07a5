"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeboot.cli.terminal.prompts import Asking

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)


def inventory_option(function: F) -> F:
    """``-i``: which inventory."""
    return click.option(
        "-i",
        "--inventory",
        "inventory_path",
        type=_PATH,
        default=Path("inventory.yml"),
        show_default=True,
        help="The cluster's inventory.",
    )(function)


def bundle_option(function: F) -> F:
    """``--bundle``: which bundle, instead of the inventory's."""
    return click.option(
        "--bundle", "bundle_path", type=_PATH, help="Bundle to use instead of the inventory's."
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
