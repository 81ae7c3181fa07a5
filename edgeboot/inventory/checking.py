"""One text of an inventory, checked where it stands."""

from __future__ import annotations

from collections.abc import Callable

from edgeboot.yaml.reader import Reader
from edgeboot.yaml.wording import quoted


def checked(reader: Reader, key: str, text: str, check: Callable[[str], str]) -> str:
    """The text as ``check`` spells it, or the error about this key."""
    try:
        return check(text)
    except ValueError as error:
        what = f"{quoted(text)} cannot be '{key}' of {reader.what}"
        raise reader.error(key, what, str(error)) from None
