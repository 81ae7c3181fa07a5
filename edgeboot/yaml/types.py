"""What the value of a key may be: each type reads it, and describes it as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from edgeboot.errors import BadInput
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import reported
from edgeboot.yaml.values import (
    Broken,
    Mapping,
    Scalar,
    Value,
    fix,
    kind,
)
from edgeboot.yaml.wording import quoted, suggestion

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)
Schema = dict[str, Any]


@dataclass(frozen=True)
class At:
    """Where a value belongs: its key, whose key that is, and where relative paths start."""

    key: str
    owner: str  # as messages call it
    where: Position
    base: Path
    item: bool = False  # one of a list

    def error(self, what: str, hint: str | None = None) -> BadInput:
        """The error about this value."""
        return BadInput(what, where=self.where, hint=hint)

    def unlike(self, wanted: str, value: Value) -> BadInput:
        """The error about a value of another type."""
        subject = f"{'an entry of ' if self.item else ''}{quoted(self.key)} of {self.owner}"
        what = f"{subject} must be {wanted}, not {kind(value)}"
        where = value.where if isinstance(value, Scalar) else self.where
        return BadInput(what, where=where, hint=fix(wanted, value))

    def invalid(self, text: str, noun: str, hint: str) -> BadInput:
        """The error about a value of the right type; ``noun`` names it, if its key does not."""
        what = f"invalid {noun} {text}" if noun else f"invalid value {text} for {quoted(self.key)}"
        return self.error(what, hint)


class Type(Protocol[T_co]):
    """A type of values."""

    def read(self, value: Value, at: At) -> T_co:
        """The value; BadInput, for lists and mappings several, if it is not of this type."""

    def accepts(self, value: Value) -> bool:
        """Whether the value has the shape of this type: decides between two."""

    @property
    def schema(self) -> Schema:
        """The type as JSON Schema."""


@dataclass(frozen=True)
class Text(Generic[T]):
    """Text; ``check`` returns what it stands for, or raises ValueError with how to write it.

    ``noun`` is what messages call it, if not "value for 'KEY'".
    """

    check: Callable[[str], T]
    noun: str = ""
    pattern: str = ""

    def read(self, value: Value, at: At) -> T:
        """What the text stands for."""
        if not (isinstance(value, Scalar) and isinstance(value.value, str)):
            raise at.unlike("text", value)
        return checked(value.value, self.check, at, self.noun)

    def accepts(self, value: Value) -> bool:
        """Any scalar: what is wrong with a number is told by ``read``."""
        return isinstance(value, Scalar)

    @property
    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", **({"pattern": self.pattern} if self.pattern else {})}


TEXT: Text[str] = Text(str)


def checked(text: str, check: Callable[[str], T], at: At, noun: str = "") -> T:
    """What a text stands for, or the error that it is invalid."""
    try:
        return check(text)
    except ValueError as error:
        raise at.invalid(quoted(text), noun, str(error)) from None


@dataclass(frozen=True)
class Literal(Generic[T]):
    """Text, a number or a boolean, checked as it was written: quantities, versions, labels."""

    check: Callable[[str], T]
    schema: Schema
    noun: str = ""

    def read(self, value: Value, at: At) -> T:
        """What it stands for."""
        if not isinstance(value, Scalar) or value.value is None:
            raise at.unlike("text or a number", value)
        return checked(value.source, self.check, at, self.noun)

    def accepts(self, value: Value) -> bool:
        """Any scalar."""
        return isinstance(value, Scalar)


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]
    noun: str = ""

    def read(self, value: Value, at: At) -> str:
        """The word."""
        if not (isinstance(value, Scalar) and isinstance(value.value, str)):
            raise at.unlike("text", value)
        if value.value not in self.words:
            hint = suggestion(value.value, self.words)
            raise at.invalid(quoted(value.value), self.noun, hint)
        return value.value

    def accepts(self, value: Value) -> bool:
        """Any scalar."""
        return isinstance(value, Scalar)

    @property
    def schema(self) -> Schema:
        """An enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Boolean:
    """``true`` or ``false``."""

    def read(self, value: Value, at: At) -> bool:
        """The boolean."""
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return value.value
        raise at.unlike("true or false", value)

    def accepts(self, value: Value) -> bool:
        """Booleans only."""
        return isinstance(value, Scalar) and isinstance(value.value, bool)

    @property
    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Integer:
    """A whole number, with bounds where it has any."""

    least: int | None = None
    most: int | None = None
    noun: str = ""

    def read(self, value: Value, at: At) -> int:
        """The number."""
        if not (isinstance(value, Scalar) and type(value.value) is int):
            raise at.unlike("a whole number", value)
        low = self.least is not None and value.value < self.least
        if low or (self.most is not None and value.value > self.most):
            bounds = f"{self.least} to {self.most}" if self.most else f"at least {self.least}"
            raise at.invalid(str(value.value), self.noun, f"use {bounds}")
        return value.value

    def accepts(self, value: Value) -> bool:
        """Numbers only."""
        return isinstance(value, Scalar) and type(value.value) is int

    @property
    def schema(self) -> Schema:
        """An integer."""
        bounds = {"minimum": self.least, "maximum": self.most}
        return {"type": "integer", **{k: n for k, n in bounds.items() if n is not None}}


def mapping_of(value: Value, at: At) -> Mapping:
    """The value as a mapping, or the error that it is none."""
    if isinstance(value, Mapping):
        return value
    raise at.unlike("a mapping", value)


def present(value: Value, at: At) -> Value:
    """The value of a key that was written, or the error that it is missing."""
    if isinstance(value, Broken):
        raise reported()
    if isinstance(value, Scalar) and value.value is None:
        hint = "add a value or remove the line; indent what belongs to it"
        raise at.error(f"{quoted(at.key)} of {at.owner} has no value", hint)
    return value
