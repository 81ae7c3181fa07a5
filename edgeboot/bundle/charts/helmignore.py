"""``.helmignore``: the files in a chart directory that are not part of the chart.

Source: pkg/ignore of Helm. The rules differ from git's: patterns are those of Go's
``filepath.Match``, a path is ignored if any rule matches, ``!`` ignores everything that does not
match, and ``**`` is not supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.errors import BadInput

FILE_NAME = ".helmignore"
_DEFAULT = "templates/.?*"  # Helm adds this rule to every chart
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])(?:\\.|[^\]\\])*)\]")
_RANGE = re.compile(r"(\\.|[^\\])(?:-(\\.|[^\\]))?")


@dataclass(frozen=True)
class Rule:
    """One line. ``whole`` rules match the whole path, others only its last part."""

    pattern: re.Pattern[str]
    negated: bool
    directories: bool
    whole: bool

    def ignores(self, path: str, directory: bool) -> bool:
        """Report whether this rule ignores a path."""
        if self.directories and not directory:
            return self.negated
        name = path if self.whole else path.rpartition("/")[2]
        return (self.pattern.fullmatch(name) is not None) != self.negated


def rules(data: bytes, where: str) -> tuple[Rule, ...]:
    """Parse a ``.helmignore``; raises BadInput with file:line where Helm would fail."""
    return tuple(_rules(data.decode("utf-8-sig", "replace"), where))


def ignored(path: str, directory: bool, known: tuple[Rule, ...]) -> bool:
    """Report whether a path in a chart directory is ignored; directories with all their files."""
    return any(rule.ignores(path, directory) for rule in known)


def _rules(text: str, where: str) -> Iterator[Rule]:
    for number, line in enumerate((*text.splitlines(), _DEFAULT), 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        place = f"{where}:{number}"
        if "**" in written:
            raise BadInput(
                "** is not supported in a .helmignore",
                where=place,
                hint="use *; Helm supports no more",
            )
        rule = written.removeprefix("!")
        plain = rule.removesuffix("/")
        pattern = re.compile(_translated(plain.removeprefix("/"), place), re.DOTALL)
        yield Rule(pattern, rule != written, plain != rule, "/" in plain)


def _translated(pattern: str, where: str) -> str:
    """Translate a pattern of Go's ``filepath.Match`` to a regular expression."""
    found, at = [], 0
    while at < len(pattern):
        char, at = pattern[at], at + 1
        if char == "*":
            found.append("[^/]*")
        elif char == "?":
            found.append("[^/]")
        elif char == "[":
            match = _CLASS.match(pattern, at - 1)
            if match is None:
                raise BadInput("unclosed [ in a .helmignore", where=where)
            found.append(_class(match, where))
            at = match.end()
        elif char == "\\":
            if at == len(pattern):
                raise BadInput("trailing backslash in a .helmignore", where=where)
            found.append(re.escape(pattern[at]))
            at += 1
        else:
            found.append(re.escape(char))
    return "".join(found)


def _class(match: re.Match[str], where: str) -> str:
    """Translate a character class, which never matches a slash."""
    ranges = []
    for low, high in _RANGE.findall(match[2]):
        first, last = low[-1], (high or low)[-1]
        if first > last or low == "-":
            raise BadInput(f"invalid character class {match[0]}", where=where)
        ranges.append(f"{re.escape(first)}-{re.escape(last)}")
    return f"(?!/)[{match[1]}{''.join(ranges)}]"
