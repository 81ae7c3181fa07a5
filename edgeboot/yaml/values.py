"""What the parser builds: scalars, lists and mappings that know where they stand in their file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import reported
from edgeboot.yaml.wording import quoted

_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_LIKE_TRUE = ("yes", "on", "true", "y")
_LIKE_FALSE = ("no", "off", "false", "n")


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


@dataclass(frozen=True)
class Broken:
    """A value that could not be parsed; the mistake is reported already."""

    where: Position


Value = Scalar | Sequence | Mapping | Broken


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
