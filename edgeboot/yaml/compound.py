"""Types made of other types: lists, mappings, one of two, and what is made of a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.types import At, Schema, Type, checked, mapping_of, present
from edgeboot.yaml.values import Mapping, Scalar, Sequence, Value, plain, start_of
from edgeboot.yaml.wording import quoted

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class ListOf(Generic[T]):
    """A list. ``or_one`` allows a single text in place of a list of one.

    ``unique`` gives what two items may not share, and ``noun`` what messages call an item.
    """

    item: Type[T]
    or_one: bool = False
    least: int = 0
    unique: Callable[[T], str] | None = None
    noun: str = "entry"

    def read(self, value: Value, at: At) -> tuple[T, ...]:
        """The items."""
        if self.or_one and isinstance(value, Scalar):
            return (self.item.read(value, at),)
        if not isinstance(value, Sequence):
            noun = "texts" if self.item.accepts(Scalar("", "", at.where)) else "mappings"
            raise at.unlike(f"a list of {noun}", value)
        problems = Problems()
        items: list[T] = []
        seen: dict[str, Position] = {}
        for inner in value.items:
            here = At(at.key, at.owner, start_of(inner), at.base, item=True)
            with problems:
                item = self.item.read(inner, here)
                if self.unique:
                    refuse_second(self.unique(item), seen, here, self.noun)
                items.append(item)
        problems.raise_any()
        return tuple(items)

    def accepts(self, value: Value) -> bool:
        """Lists."""
        return isinstance(value, Sequence) or (self.or_one and isinstance(value, Scalar))

    @property
    def schema(self) -> Schema:
        """An array."""
        bounds = {"minItems": self.least} if self.least else {}
        array = {"type": "array", **bounds, "items": self.item.schema}
        return {"oneOf": [{"type": "string"}, array]} if self.or_one else array


def refuse_second(name: str, seen: dict[str, Position], at: At, noun: str) -> None:
    """Raises if a name was seen before; else it is seen from now on."""
    first = seen.setdefault(name, at.where)
    if first is not at.where:
        what = f"duplicate {noun} {quoted(name)} (first used at {first})"
        raise at.error(what, "rename or remove one of them")


@dataclass(frozen=True)
class MapOf(Generic[T]):
    """A mapping with keys of the user's own; ``check`` returns their usual spelling."""

    item: Type[T]
    check: Callable[[str], str] = str
    noun: str = "key"

    def read(self, value: Value, at: At) -> dict[str, T]:
        """The items by name, in their order."""
        problems = Problems()
        items: dict[str, T] = {}
        for key, (where, inner) in mapping_of(value, at).entries.items():
            name_at = At(key, at.owner, where, at.base)
            with problems:
                name = checked(key, self.check, name_at, self.noun)
                items[name] = self.item.read(present(inner, name_at), name_at)
        problems.raise_any()
        return items

    def accepts(self, value: Value) -> bool:
        """Mappings."""
        return isinstance(value, Mapping)

    @property
    def schema(self) -> Schema:
        """An object."""
        return {"type": "object", "additionalProperties": self.item.schema}


@dataclass(frozen=True)
class Free:
    """A mapping for another program, read as that program would."""

    def read(self, value: Value, at: At) -> dict[str, object]:
        """Plain values."""
        return {key: plain(inner) for key, (_, inner) in mapping_of(value, at).entries.items()}

    def accepts(self, value: Value) -> bool:
        """Mappings."""
        return isinstance(value, Mapping)

    @property
    def schema(self) -> Schema:
        """Any object."""
        return {"type": "object"}


@dataclass(frozen=True)
class Either(Generic[T, U]):
    """One of two types, told apart by their shape; ``second`` says what is wrong with neither."""

    first: Type[T]
    second: Type[U]

    def read(self, value: Value, at: At) -> T | U:
        """The value of either."""
        if self.first.accepts(value):
            return self.first.read(value, at)
        return self.second.read(value, at)

    def accepts(self, value: Value) -> bool:
        """What either accepts."""
        return self.first.accepts(value) or self.second.accepts(value)

    @property
    def schema(self) -> Schema:
        """Either of the two."""
        return {"oneOf": [self.first.schema, self.second.schema]}


@dataclass(frozen=True)
class Made(Generic[T, U]):
    """A value made of another one; ``make`` raises BadInput about ``at``."""

    source: Type[T]
    make: Callable[[T, At], U]

    def read(self, value: Value, at: At) -> U:
        """What is made of it."""
        return self.make(self.source.read(value, at), at)

    def accepts(self, value: Value) -> bool:
        """What the source accepts."""
        return self.source.accepts(value)

    @property
    def schema(self) -> Schema:
        """The source's."""
        return self.source.schema
