"""The one exit for text: standard output and error, on which nothing but plain text and colours.

Whatever a host, a registry or an archive says and wherever it is printed, it passes here. Only live
displays, which move the cursor, write past it, to the ``unguarded`` stream.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TextIO

from edgeboot.printable import printable_or_coloured


class PlainStream(io.TextIOWrapper):
    """A text stream over another's bytes that writes what is fit to be shown."""

    def __init__(self, inner: io.TextIOWrapper) -> None:
        # What the terminal's character set lacks is escaped, and no reason to fail.
        super().__init__(
            inner.buffer,
            encoding=_encoding(inner.encoding),
            errors="backslashreplace",
            line_buffering=inner.line_buffering,
        )
        self.inner = inner

    def write(self, text: str) -> int:
        """Writes the text, with what a terminal would obey replaced."""
        super().write(printable_or_coloured(text))
        return len(text)


def _encoding(name: str) -> str:
    """UTF-8 for ASCII, which is what a missing locale looks like; click does the same."""
    return "utf-8" if codecs.lookup(name).name == "ascii" else name


def guard() -> None:
    """Lets standard output and error pass through here; none of the three has to be open.

    One that is closed becomes the null device, which also takes its descriptor: a file opened
    later would otherwise get it, and what a library prints.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, PlainStream):
            stream.flush()
            setattr(sys, name, PlainStream(stream))


def unguarded(stream: TextIO) -> TextIO:
    """The stream for a live display, which moves the cursor; it makes its texts ``printable``."""
    return stream.inner if isinstance(stream, PlainStream) else stream
