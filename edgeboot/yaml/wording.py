"""What messages about a file share."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_LISTABLE = 16  # so many words still help in a hint


def quoted(text: str) -> str:
    """Text for a message: on one line, short, without anything a terminal would obey."""
    return ascii(text if len(text) <= 60 else text[:59] + "~")


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word most like the one that was written, if any is."""
    found = difflib.get_close_matches(word.lower().replace("_", "-"), known, n=1)
    return found[0] if found else None


def suggestion(word: str, known: Collection[str]) -> str:
    """What to write in place of a word that is not known."""
    near = nearest(word, known)
    if near:
        return f"did you mean '{near}'?"
    if len(known) > _LISTABLE:
        return "see its documentation"
    return f"known: {', '.join(known)}"
