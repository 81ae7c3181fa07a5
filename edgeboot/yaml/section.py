"""A mapping whose keys are declared once: the declaration reads it, checks it and describes it.

    BACKEND = optional("backend", Choice(BACKENDS), "How packets get from node to node.")
    MTU = optional("mtu", Integer(1280, 9216), "Size of a packet between two nodes.")

    FLANNEL = Section((BACKEND, MTU), lambda v: Flannel(v[BACKEND], v[MTU]), rules=(_mtu_fits,))

``FLANNEL.read`` gives a Flannel or every mistake in it, ``FLANNEL.schema`` its JSON Schema. Rules
look at several keys; a rule that asks for a key with a mistake is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from edgeboot.errors import BadInput
from edgeboot.yaml import values as parsed
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.types import At, Schema, Type, mapping_of, present
from edgeboot.yaml.values import Scalar, Value
from edgeboot.yaml.wording import nearest, quoted, suggestion

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Key(Generic[T_co]):
    """One key: its name, what its value may be, and a sentence about it."""

    name: str
    type: Type[Any]
    doc: str
    required: bool
    default: Any = None

    @property
    def schema(self) -> Schema:
        """The JSON Schema of its value."""
        return {**self.type.schema, **({"description": self.doc} if self.doc else {})}


def required(name: str, type: Type[T], doc: str = "") -> Key[T]:  # noqa: A002
    """A key that must be written."""
    return Key(name, type, doc, True)


@overload
def optional(name: str, type: Type[T], doc: str = "") -> Key[T | None]: ...
@overload
def optional(name: str, type: Type[T], doc: str = "", *, default: T) -> Key[T]: ...
def optional(name: str, type: Type[Any], doc: str = "", *, default: Any = None) -> Key[Any]:  # noqa: A002
    """A key that may be left out."""
    return Key(name, type, doc, False, default)


class Values:
    """What the keys of a mapping say; ``values[KEY]`` is the value or the key's default."""

    def __init__(
        self, mapping: parsed.Mapping, owner: str, base: Path, misspelt: Collection[str] = ()
    ) -> None:
        """``misspelt`` are keys that are missing because they were misspelt, as was reported."""
        self.mapping, self.owner, self.base = mapping, owner, base
        self._misspelt = misspelt
        self._read: dict[str, Any] = {}
        self._broken: set[str] = set()

    def read(self, key: Key[Any], problems: Problems) -> None:
        """Reads one key, or reports what is wrong with it."""
        self._broken.add(key.name)
        with problems:
            if key.name in self.mapping:
                at = self.at(key)
                value = present(self.mapping.entries[key.name][1], at)
                self._read[key.name] = key.type.read(value, at)
            elif key.name in self._misspelt or (key.required and self.mapping.partial):
                raise reported()
            elif key.required:
                what = f"{self.owner} has no '{key.name}'"
                hint = f"add a line '{key.name}: …'"
                raise BadInput(what, where=self.mapping.where(), hint=hint)
            self._broken.remove(key.name)

    def __getitem__(self, key: Key[T]) -> T:
        """The value; ends a rule without a message where the value has one already."""
        if key.name in self._broken:
            raise reported()
        found: T = self._read.get(key.name, key.default)
        return found

    def usable(self, key: Key[T]) -> T:
        """The value, or the key's default where there is a mistake in it."""
        found: T = self._read.get(key.name, key.default)
        return found

    def misspelt(self, key: Key[Any]) -> bool:
        """Whether the key is missing because it was misspelt."""
        return key.name in self._misspelt

    def sound(self, *keys: Key[Any]) -> bool:
        """Whether all of these keys are without mistakes."""
        return not any(key.name in self._broken for key in keys)

    def has(self, key: Key[Any]) -> bool:
        """Whether the key was written."""
        return key.name in self.mapping

    def raw(self, key: Key[Any]) -> parsed.Mapping:
        """The mapping as it was parsed; an empty one where none was written."""
        value = self.mapping.entries[key.name][1] if self.has(key) else None
        return value if isinstance(value, parsed.Mapping) else parsed.Mapping({}, self.where(key))

    def where(self, key: Key[Any]) -> Position:
        """Where the key stands; where the mapping starts if it was not written."""
        return self.mapping.where(key.name)

    def at(self, key: Key[Any]) -> At:
        """Where the key stands."""
        return At(key.name, self.owner, self.mapping.where(key.name), self.base)

    def error(self, key: Key[Any], what: str, hint: str | None = None) -> BadInput:
        """The error about a key's value."""
        return BadInput(what, where=self.mapping.where(key.name), hint=hint)


Rule = Callable[[Values], Iterator[BadInput]]


@dataclass(frozen=True)
class Section(Generic[T]):
    """A mapping with these keys and no others, and what it becomes.

    Messages call it ``title``, in which ``{key}`` is its key and ``{owner}`` the section around it;
    with ``named_by`` the value of that key follows. ``refused`` are keys that are known and not
    allowed here, each with what to do instead; ``ref`` names its definition in the JSON Schema.
    """

    keys: tuple[Key[Any], ...]
    build: Callable[[Values], T]
    title: str = "{key} of {owner}"
    named_by: str = ""
    rules: tuple[Rule, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    ref: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple(key.name for key in self.keys)

    def read(self, value: Value, at: At) -> T:
        """What the mapping becomes."""
        mapping = mapping_of(value, at)
        problems = Problems()
        values = self.values(mapping, self.owner(mapping, at), at.base, problems)
        return self.made(values, problems)

    def made(self, values: Values, problems: Problems) -> T:
        """What values become; raises ``problems`` and what the rules find."""
        for rule in self.rules:
            problems.collect(rule(values))
        made: list[T] = []
        with problems:
            made.append(self.build(values))
        problems.raise_any()
        return made[0]

    def values(self, mapping: parsed.Mapping, owner: str, base: Path, problems: Problems) -> Values:
        """The values of all keys, without rules; mistakes are reported."""
        misspelt = self.refuse_unknown(mapping, owner, problems)
        values = Values(mapping, owner, base, misspelt)
        for key in self.keys:
            values.read(key, problems)
        return values

    def refuse_unknown(
        self, mapping: parsed.Mapping, owner: str, problems: Problems
    ) -> frozenset[str]:
        """Reports keys that are not among these; returns the missing ones that were meant."""
        unknown = [key for key in mapping if key not in self.names and key not in self.refused]
        for key in mapping:
            if key in self.refused:
                what, hint = f"'{key}' is not allowed in {owner}", self.refused[key]
            elif key not in self.names:
                what, hint = f"unknown key {quoted(key)} in {owner}", suggestion(key, self.names)
            else:
                continue
            problems.report(BadInput(what, where=mapping.where(key), hint=hint))
        meant = {nearest(key, self.names) for key in unknown}
        return frozenset(name for name in meant if name and name not in mapping)

    def owner(self, mapping: parsed.Mapping, at: At) -> str:
        """What messages call this mapping."""
        title = self.title.format(key=quoted(at.key), owner=at.owner)
        if not self.named_by:
            return title
        name = mapping.entries.get(self.named_by, (None, None))[1]
        named = isinstance(name, Scalar) and name.source
        return f"{title} {quoted(named)}" if named else f"a {title}"

    def accepts(self, value: Value) -> bool:
        """Mappings."""
        return isinstance(value, parsed.Mapping)

    @property
    def schema(self) -> Schema:
        """A reference to its definition, or the definition."""
        return {"$ref": f"#/$defs/{self.ref}"} if self.ref else self.definition

    @property
    def definition(self) -> Schema:
        """A closed object."""
        return {
            "type": "object",
            "properties": {key.name: key.schema for key in self.keys},
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": False,
        }
