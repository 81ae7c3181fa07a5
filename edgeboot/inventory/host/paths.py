"""Paths on a host."""

from __future__ import annotations

import re

PATTERN = r"^(/[A-Za-z0-9_+@.-]+)+$"
_PATH = re.compile(PATTERN)


def absolute(text: str) -> str:
    """An absolute path in its only spelling."""
    if _PATH.fullmatch(text) and not {"..", "."} & set(text.split("/")):
        return text
    raise ValueError("use a full path of letters, digits and . _ + @ -, without . and ..")
