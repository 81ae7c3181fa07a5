"""Typed values out of a mapping, one key at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, overload

from edgeboot.errors import BadInput
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.values import Broken, Mapping, Scalar, Sequence, Value, fix, kind
from edgeboot.yaml.wording import quoted, suggestion


class _Absent(Enum):
    REQUIRED = "required"


_REQUIRED = _Absent.REQUIRED
T = TypeVar("T")

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
        inner = Reader(self.mapping(key), quoted(key))
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


def reader_of(
    mapping: Mapping, known: Collection[str], what: str, problems: Problems | None = None
) -> Reader:
    """A Reader of a mapping, which messages call ``what``; unknown keys are refused.

    With ``problems`` they are reported there.
    """
    unknown = problems or Problems()
    for key in mapping:
        if key not in known:
            message = f"unknown key {quoted(key)} in {what}"
            hint = suggestion(key, known)
            unknown.report(BadInput(message, where=mapping.where(key), hint=hint))
    if problems is None:
        unknown.raise_any()
    return Reader(mapping, what)
