"""Text of others, made fit to be shown.

Hosts, registries and archives choose much of what edgeboot prints. A terminal obeys control
characters, and a reader is deceived by characters that turn the direction of writing around.
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST = 2000  # characters in a line for people

_KEPT = frozenset("\n\t")
# Cc: C0 and C1 with ESC and CSI; Cf: directions of writing, joiners, tags; Cs: half a character;
# Zl and Zp: line ends that programs do not agree upon.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Colours and weights as rich writes them; never concealed (8), blinking, or inverse.
_COLOURS = re.compile(r"\x1b\[(?:0|1|2|3|4|22|23|24|3[0-79]|4[0-79]|9[0-7]|;)*m")


def printable(text: str) -> str:
    """The text with line feeds and tabs, and with each other unfit character replaced."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c if _is_fit(c) else REPLACEMENT for c in text)


def printable_or_coloured(text: str) -> str:
    """Like ``printable``, but leaves colours in."""
    if "\x1b" not in text:
        return printable(text)
    parts: list[str] = []
    at = 0
    for found in _COLOURS.finditer(text):
        parts += printable(text[at : found.start()]), found[0]
        at = found.end()
    return "".join([*parts, printable(text[at:])])


def shortened(text: str) -> str:
    """The text with each line cut at ``LONGEST`` characters, saying how many are missing."""
    return "\n".join(map(_shortened, text.split("\n")))


def _shortened(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    return f"{line[:LONGEST]}… ({len(line) - LONGEST} more characters)"


def _is_fit(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in _UNFIT
