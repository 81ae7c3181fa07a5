"""Chart versions and version constraints.

The semantics are those of Helm, which uses Masterminds/semver 3.3: ``^ ~ = != > >= < <=``,
x-ranges, hyphen ranges, a space or comma for "and", ``||`` for "or". A constraint without a
prerelease never matches one. Libraries on PyPI follow npm or PEP 440, which differ (decision 0006).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

_PRE = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_BUILD = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(
    rf"v?([0-9]{{1,18}})(?:\.([0-9]{{1,18}}))?(?:\.([0-9]{{1,18}}))?{_PRE}{_BUILD}"
)
_PART = r"([0-9]{1,18}|[xX*])"
_CONSTRAINT = re.compile(
    rf"(=|!=|>=|=>|<=|=<|>|<|~>|~|\^|)\s*v?{_PART}(?:\.{_PART})?(?:\.{_PART})?{_PRE}{_BUILD}"
)
_SEPARATOR = re.compile(r"[\s,]*")
_HYPHEN = re.compile(r"(?:^|(?<=[\s,|]))(\S+)\s+-\s+(\S+)")
_SYNONYMS = {"=>": ">=", "=<": "<=", "~>": "~"}


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version, without build metadata."""

    numbers: tuple[int, int, int]
    prerelease: str = ""

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        parts = self.prerelease.split(".") if self.prerelease else []
        keys = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts)
        return (self.numbers, not self.prerelease, keys)


def parse(text: str) -> Version:
    """Parse a version; a leading ``v`` and missing parts are allowed. Raises ValueError."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"invalid version {text[:60]!r}")
    numbers = (int(match[1]), int(match[2] or 0), int(match[3] or 0))
    return Version(numbers, match[4] or "")


@dataclass(frozen=True)
class Constraint:
    """A version constraint; ``text`` is its source."""

    text: str
    alternatives: tuple[tuple[_Term, ...], ...]

    def allows(self, version: Version) -> bool:
        """Report whether a version satisfies the constraint."""
        return any(all(term.allows(version) for term in options) for options in self.alternatives)


def constraint(text: str) -> Constraint:
    """Parse a constraint; an empty one allows every release. Raises ValueError."""
    rewritten = _HYPHEN.sub(r">=\1 <=\2", text)
    return Constraint(text, tuple(_options(part, text) for part in rewritten.split("||")))


@dataclass(frozen=True)
class _Term:
    """One comparison; ``given`` is the number of numeric parts (not ``x`` or missing)."""

    operator: str
    version: Version
    given: int

    def allows(self, version: Version) -> bool:
        if version.prerelease and not self.version.prerelease:
            return self.operator == "!=" and self.given == 3
        return _COMPARE[self.operator](self, version)


def _options(part: str, text: str) -> tuple[_Term, ...]:
    options: list[_Term] = []
    rest = _skip(part)
    while rest:
        match = _CONSTRAINT.match(rest)
        after = rest[match.end() :] if match else ""
        if match is None or (after and _SEPARATOR.fullmatch(after[0]) is None):
            raise ValueError(f"invalid version range {text[:60]!r}")
        options.append(_term(match))
        rest = _skip(after)
    return tuple(options) or (_Term("", Version((0, 0, 0)), 0),)


def _skip(text: str) -> str:
    found = _SEPARATOR.match(text)
    return text[found.end() :] if found else text


def _term(match: re.Match[str]) -> _Term:
    numbers: list[int] = []
    for part in match.group(2, 3, 4):
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    operator = _SYNONYMS.get(match[1], match[1])
    given = len(numbers)
    if given == 0 and operator not in ("", "=", "~"):  # Masterminds reads <=* as <=0.0.0
        given = 3
    numbers += [0] * (3 - len(numbers))
    return _Term(operator, Version((numbers[0], numbers[1], numbers[2]), match[5] or ""), given)


def _tilde(term: _Term, version: Version) -> bool:
    if version < term.version:
        return False
    if term.given == 0 or (term.given == 3 and term.version.numbers == (0, 0, 0)):
        return True
    fixed = min(term.given, 2)
    return version.numbers[:fixed] == term.version.numbers[:fixed]


def _caret(term: _Term, version: Version) -> bool:
    if version < term.version:
        return False
    (major, minor, patch), (a, b, c) = term.version.numbers, version.numbers
    if major > 0 or term.given < 2:
        return a == major
    if minor > 0 or term.given < 3:
        return (a, b) == (major, minor)
    return (a, b, c) == (major, minor, patch)


def _equal(term: _Term, version: Version) -> bool:
    return version == term.version if term.given == 3 else _tilde(term, version)


def _not_equal(term: _Term, version: Version) -> bool:
    if term.given == 3:
        return version != term.version
    return version.numbers[: term.given] != term.version.numbers[: term.given]


def _greater(term: _Term, version: Version) -> bool:
    if term.given == 3:
        return version > term.version
    return version.numbers[: term.given] > term.version.numbers[: term.given]


def _at_most(term: _Term, version: Version) -> bool:
    if term.given == 3:
        return version <= term.version
    return version.numbers[: term.given] <= term.version.numbers[: term.given]


_COMPARE: dict[str, Callable[[_Term, Version], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    ">=": lambda term, version: version >= term.version,
    "<": lambda term, version: version < term.version,
    "<=": _at_most,
    "~": _tilde,
    "^": _caret,
}
