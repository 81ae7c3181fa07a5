"""Ranges, so that six boards are not six copies: ``agent-[1-5]`` at ``192.0.2.[21-25]``."""

from __future__ import annotations

import re

MAX_LENGTH = 1000
# An IPv6 literal in brackets has colons and is therefore no range.
_RANGE = re.compile(r"\[([0-9]{1,9})-([0-9]{1,9})\]")


def expand(text: str) -> tuple[str, ...]:
    """All texts that a range stands for, or the text itself; ValueError says what is wrong.

    A first number with leading zeros sets the width: ``[08-10]`` is 08, 09, 10.
    """
    ranges = list(_RANGE.finditer(text))
    if not ranges:
        return (text,)
    if len(ranges) > 1:
        raise ValueError("use one range only")
    found = ranges[0]
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise ValueError(f"write [{found[2]}-{found[1]}]: the range is backwards")
    if last - first >= MAX_LENGTH:
        raise ValueError(f"use a shorter range, of at most {MAX_LENGTH}")
    width = len(found[1]) if found[1].startswith("0") else 1
    before, after = text[: found.start()], text[found.end() :]
    return tuple(f"{before}{number:0{width}}{after}" for number in range(first, last + 1))
