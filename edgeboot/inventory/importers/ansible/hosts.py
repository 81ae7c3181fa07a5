"""Host patterns of an inventory: ``node[01:10]``, ``[a:c].lab``, ``192.0.2.11:2222``."""

from __future__ import annotations

import re
import string

from edgeboot.inventory.importers.ansible.model import MOST_HOSTS

_RANGE = re.compile(r"\[([^\[\]:]*):([^\[\]:]+)(?::([0-9]+))?\]")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*:[^\]]*)\](?::([0-9]{1,5}))?")
_NAME_PORT = re.compile(r"([^:]+(?:\[[^\]]*\][^:]*)*):([0-9]{1,5})")


def expanded(pattern: str) -> tuple[tuple[str, ...], int | None]:
    """The hosts that a pattern names, and their port; raises ``ValueError``."""
    found = _BRACKETED.fullmatch(pattern)
    if found:
        return (found[1],), int(found[2]) if found[2] else None
    masked = _RANGE.sub(lambda m: "x" * len(m[0]), pattern)  # a range has colons, too
    has_port = _NAME_PORT.fullmatch(masked)
    if has_port and masked.count(":") == 1:
        at = masked.index(":")
        return _ranges(pattern[:at]), int(has_port[2])
    return _ranges(pattern), None


def _ranges(pattern: str) -> tuple[str, ...]:
    names: tuple[str, ...] = (pattern,)
    while any(_RANGE.search(name) for name in names):
        names = tuple(one for name in names for one in _first_range(name))
        if len(names) > MOST_HOSTS:
            raise ValueError(f"{pattern!r} names more than {MOST_HOSTS} hosts")
    if any("[" in name or "]" in name for name in names):
        raise ValueError(f"invalid range in {pattern!r}")
    return names


def _first_range(name: str) -> tuple[str, ...]:
    found = _RANGE.search(name)
    if not found:
        return (name,)
    before, after = name[: found.start()], name[found.end() :]
    return tuple(f"{before}{one}{after}" for one in _steps(found[1] or "0", found[2], found[3]))


def _steps(first: str, last: str, step: str | None) -> list[str]:
    by = int(step or 1)
    if by < 1 or len(first) > 9 or len(last) > 9:
        raise ValueError(f"invalid range [{first}:{last}]")
    if first.isdecimal() and last.isdecimal():
        width = len(first) if len(first) > 1 and first.startswith("0") else 0
        if width and width != len(last):
            raise ValueError(f"invalid range [{first}:{last}]: write both ends equally long")
        numbers = range(int(first), int(last) + 1, by)
        if len(numbers) > MOST_HOSTS:
            raise ValueError(f"[{first}:{last}] names more than {MOST_HOSTS} hosts")
        return [str(number).zfill(width) for number in numbers]
    letters = string.ascii_letters
    if len(first) != 1 or len(last) != 1 or first not in letters or last not in letters:
        raise ValueError(f"invalid range [{first}:{last}]")
    return list(letters[letters.index(first) : letters.index(last) + 1 : by])
