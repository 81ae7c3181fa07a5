"""Typed values out of YAML: what the parser built, and the readers of mappings.

``Mapping.reader(known, what)`` refuses unknown keys; the Reader hands out typed values. Every
mistake is a BadInput with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, overload

from edgeboot.errors import BadInput
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.wording import quoted, suggestion

_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_LIKE_TRUE = ("yes", "on", "true", "y")
_LIKE_FALSE = ("no", "off", "false", "n")


class _Absent(Enum):
    REQUIRED = "required"


_REQUIRED = _Absent.REQUIRED
T = TypeVar("T")


@dataclass(frozen=True)
class Scalar:
    """One value; ``source`` is how it was written, without its quotes."""

    value: str | int | bool | None
    source: str
    where: Position
    quoted: bool = False  # also for text after | and >


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Value, ...]
    where: Position


@dataclass(frozen=True)
class Mapping:
    """Keys and values in the order they were written."""

    entries: dict[str, tuple[Position, Value]]  # key -> (where the key stands, its value)
    start: Position
    partial: bool = False  # a key could not be read, and was reported

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def where(self, key: str | None = None) -> Position:
        """``file:line`` of a key; of the mapping itself without one, or where it has no such."""
        return self.entries[key][0] if key is not None and key in self.entries else self.start

    def over(self, base: Mapping) -> Mapping:
        """Lay this mapping over another: mappings are merged, all else is replaced."""
        merged = dict(base.entries)
        for key, (where, value) in self.entries.items():
            below = base.entries.get(key)
            if below and isinstance(value, Mapping) and isinstance(below[1], Mapping):
                value = value.over(below[1])
            merged[key] = (where, value)
        return Mapping(merged, self.start, self.partial or base.partial)

    def reader(self, known: Collection[str], what: str, problems: Problems | None = None) -> Reader:
        """A Reader of this mapping, which messages call ``what``; unknown keys are refused.

        With ``problems`` they are reported there.
        """
        unknown = problems or Problems()
        for key in self:
            if key not in known:
                message = f"unknown key {quoted(key)} in {what}"
                hint = suggestion(key, known)
                unknown.report(BadInput(message, where=self.where(key), hint=hint))
        if problems is None:
            unknown.raise_any()
        return Reader(self, what)

    def free_reader(self, what: str) -> Reader:
        """A Reader of a mapping whose keys are the user's own."""
        return Reader(self, what)


@dataclass(frozen=True)
class Broken:
    """A value that could not be parsed; the mistake is reported already."""

    where: Position


Value = Scalar | Sequence | Mapping | Broken
Plain = str | int | bool | tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """Typed values out of a Mapping.

    A scalar without a default is required; a list or mapping that is absent is an empty one. A
    key that stands there without a value is a mistake, for what was meant is not known.
    """

    top: Mapping
    what: str

    def has(self, key: str) -> bool:
        """Whether the key was written."""
        return key in self.top

    def error(self, key: str, what: str, hint: str | None = None) -> BadInput:
        """The error to raise about a key's value."""
        return BadInput(what, where=self.top.where(key), hint=hint)

    def value(self, key: str) -> Value | None:
        """The value as it was parsed; None if the key was not written."""
        if key not in self.top:
            return None
        value = self.top.entries[key][1]
        if isinstance(value, Broken):
            raise reported()
        if isinstance(value, Scalar) and value.value is None:
            hint = "add a value or remove the line; indent what belongs to it"
            raise self.error(key, f"{quoted(key)} of {self.what} has no value", hint)
        return value

    @overload
    def text(self, key: str) -> str: ...
    @overload
    def text(self, key: str, default: T) -> str | T: ...
    def text(self, key: str, default: T | _Absent = _REQUIRED) -> str | T:
        """Text."""
        value = self.value(key)
        if value is None:
            return self._instead(key, default)
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return value.value
        raise self._unlike(key, "text", value)

    @overload
    def literal(self, key: str) -> str: ...
    @overload
    def literal(self, key: str, default: T) -> str | T: ...
    def literal(self, key: str, default: T | _Absent = _REQUIRED) -> str | T:
        """Text, a number or a boolean, as it was written: for quantities, versions, labels."""
        value = self.value(key)
        if value is None:
            return self._instead(key, default)
        if isinstance(value, Scalar):
            return value.source
        raise self._unlike(key, "text or a number", value)

    @overload
    def integer(self, key: str) -> int: ...
    @overload
    def integer(self, key: str, default: T) -> int | T: ...
    def integer(self, key: str, default: T | _Absent = _REQUIRED) -> int | T:
        """A whole number."""
        value = self.value(key)
        if value is None:
            return self._instead(key, default)
        if isinstance(value, Scalar) and type(value.value) is int:
            return value.value
        raise self._unlike(key, "a whole number", value)

    @overload
    def boolean(self, key: str) -> bool: ...
    @overload
    def boolean(self, key: str, default: T) -> bool | T: ...
    def boolean(self, key: str, default: T | _Absent = _REQUIRED) -> bool | T:
        """``true`` or ``false``."""
        value = self.value(key)
        if value is None:
            return self._instead(key, default)
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        raise self._unlike(key, "true or false", value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        texts = []
        for item in self._items(key, "a list of texts"):
            if not (isinstance(item, Scalar) and isinstance(item.value, str)):
                raise self._unlike(key, "a list of texts only", item)
            texts.append(item.value)
        return tuple(texts)

    def mapping(self, key: str) -> Mapping:
        """A mapping."""
        value = self.value(key)
        if value is None:
            return Mapping({}, self.top.where())
        if isinstance(value, Mapping):
            return value
        raise self._unlike(key, "a mapping", value)

    def mappings(self, key: str) -> tuple[Mapping, ...]:
        """A list of mappings."""
        mappings = []
        for item in self._items(key, "a list of mappings"):
            if not isinstance(item, Mapping):
                raise self._unlike(key, "a list of mappings only", item)
            mappings.append(item)
        return tuple(mappings)

    def scalar_map(self, key: str) -> dict[str, Plain]:
        """A mapping of the user's own keys to texts, numbers, booleans or lists of texts."""
        inner = self.mapping(key).free_reader(quoted(key))
        return {name: inner.plain(name) for name in inner.top}

    def plain(self, key: str) -> Plain:
        """A text, number, boolean or list of texts; the key must have been written."""
        value = self.value(key)
        if isinstance(value, Scalar) and value.value is not None:
            return value.value
        if isinstance(value, Sequence):
            return self.texts(key)
        if value is None:
            raise self._missing(key)
        raise self._unlike(key, "text, a number, true, false or a list of texts", value)

    def _items(self, key: str, wanted: str) -> tuple[Value, ...]:
        value = self.value(key)
        if value is None:
            return ()
        if isinstance(value, Sequence):
            return value.items
        raise self._unlike(key, wanted, value)

    def _instead(self, key: str, default: T | _Absent) -> T:
        if isinstance(default, _Absent):
            raise self._missing(key)
        return default

    def _missing(self, key: str) -> BadInput:
        hint = f"add a line '{key}: …'"
        return BadInput(f"{self.what} has no '{key}'", where=self.top.where(), hint=hint)

    def _unlike(self, key: str, wanted: str, value: Value) -> BadInput:
        where = value.where if isinstance(value, Scalar) else self.top.where(key)
        what = f"{quoted(key)} of {self.what} must be {wanted}, not {kind(value)}"
        return BadInput(what, where=where, hint=fix(wanted, value))


def start_of(value: Value) -> Position:
    """Where a value starts."""
    return value.start if isinstance(value, Mapping) else value.where


def plain(value: Value) -> object:
    """A value as another program should see it: unquoted fractions are numbers.

    They are only where that loses nothing: 0.5, but not the tag 1.10.
    """
    match value:
        case Mapping():
            return {key: plain(inner) for key, (_, inner) in value.entries.items()}
        case Sequence():
            return [plain(item) for item in value.items]
        case Scalar():
            return _number(value)
        case Broken():
            raise reported()


def _number(scalar: Scalar) -> object:
    if scalar.quoted or not _FRACTION.fullmatch(scalar.source):
        return scalar.value
    number = float(scalar.source)
    return number if repr(number) == scalar.source else scalar.value


def kind(value: Value) -> str:
    """What a value is, for messages."""
    if isinstance(value, Broken):
        raise reported()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value.value, str):
        return f"the text {quoted(value.value)}"
    if isinstance(value.value, bool):
        return value.source
    return "nothing" if value.value is None else f"the number {value.value}"


def fix(wanted: str, value: Value) -> str | None:
    """What to write instead."""
    if isinstance(value, Scalar):
        return _fix_of_scalar(wanted, value)
    if isinstance(value, Mapping) and wanted.startswith("a list"):
        return "begin each entry of a list with '- '"
    return None


def _fix_of_scalar(wanted: str, scalar: Scalar) -> str | None:
    word = scalar.source.lower()
    if wanted == "true or false":
        word = "true" if word in _LIKE_TRUE else "false" if word in _LIKE_FALSE else wanted
        return f"write {word}, without quotes"
    if wanted == "a whole number":
        return "write decimal digits, without quotes and without leading zeros"
    if wanted.endswith(("mapping", "mappings", "mappings only")):
        return "write 'key: value', with a space after the colon"
    if wanted == "a list of texts":
        return f"write [{scalar.source}]" if scalar.source.isprintable() else None
    if wanted.startswith(("text", "a list of texts only")) and not isinstance(scalar.value, str):
        return f'put it in quotes: "{scalar.source}"'
    return None
