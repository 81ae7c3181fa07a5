"""Jinja2: what a template prints is escaped, and a name that it does not get is an error."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgeboot.printable import printable


def rendered(template: str, **values: Any) -> str:
    """A template with its values."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_tamed,
    )


def _tamed(value: Any) -> Any:
    """Control characters and reversals of direction do not reach the page."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return printable(value)
