"""The options ``--allow-…``, which accept bundles that are otherwise refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from edgeboot.bundle.trust.signing import Trust

F = TypeVar("F", bound=Callable[..., Any])

_FLAGS = {
    "unsigned": "Accept a bundle that is not signed, or not by one of the inventory's keys.",
    "expired": "Accept a bundle that has expired.",
    "older": "Accept a bundle that is older than one a host has had.",
}


def trust_options(function: F) -> F:
    """Add ``--allow-…`` to a command, which receives them as ``trust``."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        allowed = {name: options.pop(f"allow_{name}") for name in _FLAGS}
        return function(*arguments, trust=Trust(**allowed), **options)

    command: Any = wrapped
    for name, text in reversed(_FLAGS.items()):
        command = click.option(f"--allow-{name}", is_flag=True, help=text)(command)
    return command  # type: ignore[no-any-return]
