"""Strict YAML with positions: what people write for edgeboot, read so that mistakes are mended.

Stricter than YAML 1.1: one document whose top is a mapping; no anchors, aliases, merge keys or
tags; no key twice; only ``true`` and ``false`` are booleans and only decimal numbers are numbers,
so that ``no``, ``0755``, ``1.10`` and ``12:30`` stay the text they were written as. Text without
quotes ends with its line: where it goes on, a colon was forgotten or a line slipped.

``load`` gives a Mapping; ``Mapping.reader(known, what)`` refuses keys that nobody knows, and the
Reader hands out typed values. Every mistake is a BadInput that says file and line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

import yaml

from edgeboot.errors import BadInput

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
_LISTABLE = 16  # so many keys still help in a hint

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
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
    where: str
    quoted: bool = False  # also for text after | and >


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Value, ...]
    where: str


@dataclass(frozen=True)
class Mapping:
    """Keys and values in the order they were written."""

    entries: dict[str, tuple[str, Value]]  # key -> (where the key stands, its value)
    start: str

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def where(self, key: str | None = None) -> str:
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
        return Mapping(merged, self.start)

    def reader(self, known: Collection[str], what: str) -> Reader:
        """A Reader of this mapping, which the messages call ``what``; unknown keys are refused."""
        for key in self:
            if key not in known:
                near = nearest(key, known)
                names = ", ".join(known) if len(known) <= _LISTABLE else "see its documentation"
                raise BadInput(
                    f"unknown key {quoted(key)} in {what}",
                    where=self.where(key),
                    hint=f"did you mean '{near}'?" if near else f"known: {names}",
                )
        return Reader(self, what)

    def free_reader(self, what: str) -> Reader:
        """A Reader of a mapping whose keys are the user's own."""
        return Reader(self, what)


Value = Scalar | Sequence | Mapping
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
        if isinstance(value, Scalar) and value.value is None:
            hint = "give it a value or remove the line; if what follows belongs to it, indent that"
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
        what = f"{quoted(key)} of {self.what} must be {wanted}, not {_kind(value)}"
        return BadInput(what, where=where, hint=_mend(wanted, value))


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word most like the one that was written, if any is."""
    found = difflib.get_close_matches(word.lower().replace("_", "-"), known, n=1)
    return found[0] if found else None


def quoted(text: str) -> str:
    """Text for a message: on one line, short, nothing in it that a terminal would obey."""
    return ascii(text if len(text) <= 60 else text[:59] + "~")


def load(path: Path) -> Mapping:
    """Read a file; BadInput if it cannot be read or breaks a rule of this module."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput("no such file", where=str(path), hint="check the path") from None
    except IsADirectoryError:
        hint = "name a YAML file in it"
        raise BadInput("is a directory", where=str(path), hint=hint) from None
    except OSError as error:
        hint = "check its permissions"
        reason = error.strerror or str(error)
        raise BadInput(f"cannot be read: {reason}", where=str(path), hint=hint) from None
    if len(data) > MAX_BYTES:
        hint = "is this the right file?"
        raise BadInput(f"is larger than {MAX_BYTES >> 20} MiB", where=str(path), hint=hint)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise BadInput(
            "is not UTF-8 text", where=f"{path}:{line}", hint="save it as UTF-8"
        ) from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Mapping:
    """Read YAML that is at hand already; ``name`` stands for the file in messages."""
    try:
        return _Parser(text, name).document()
    except yaml.reader.ReaderError as error:
        line = 1 + text.count("\n", 0, error.position)
        hint = "remove it; in double quotes it may be written as an escape"
        raise BadInput("a control character", where=f"{name}:{line}", hint=hint) from None
    except yaml.MarkedYAMLError as error:
        raise _translated(error, text.splitlines(), name) from None
    except (ValueError, OverflowError):  # PyYAML on "\UFFFFFFFF" or a huge %YAML version
        hint = "look for an escape with \\U, or a line with %YAML"
        raise BadInput("a character or version that cannot be", where=name, hint=hint) from None


class _Parser:
    """Builds values from PyYAML's events, so that a bomb is refused before it is built."""

    def __init__(self, text: str, name: str) -> None:
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._name = name

    def document(self) -> Mapping:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise BadInput("is empty", where=self._name, hint="see the examples in the docs")
        top = self._value(next(self._events), 1)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            hint = "remove what follows the second '---'"
            raise BadInput("a second document", where=self._where(after), hint=hint)
        if not isinstance(top, Mapping):
            what = f"the top of the file must be a mapping, not {_kind(top)}"
            raise BadInput(what, where=top.where, hint="begin with 'key: value' at the margin")
        return top

    def _where(self, event: yaml.Event) -> str:
        return f"{self._name}:{_line(event.start_mark)}"

    def _value(self, event: yaml.Event, depth: int) -> Value:
        where = self._where(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            hint = "write the value out; text that begins with * or & needs quotes"
            raise BadInput(
                "anchors and aliases (& and *) are not used here", where=where, hint=hint
            )
        if getattr(event, "tag", None) is not None:
            hint = "remove it; text that begins with ! needs quotes"
            raise BadInput("tags (!) are not used here", where=where, hint=hint)
        if depth > MAX_DEPTH:
            raise BadInput(f"nested deeper than {MAX_DEPTH} levels", where=where)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(where, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return Sequence(tuple(items), where)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, where)
        raise BadInput("not a value", where=where)  # no other event can stand here

    def _mapping(self, where: str, depth: int) -> Mapping:
        entries: dict[str, tuple[str, Value]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if not isinstance(key, Scalar) or key.source == "":
                hint = "a key is plain text; text that begins with { or [ or ? needs quotes"
                raise BadInput("a key that is no text", where=self._where(event), hint=hint)
            if key.source == "<<":
                hint = "write the keys out"
                raise BadInput("merge keys (<<) are not used here", where=key.where, hint=hint)
            if key.source in entries:
                first = entries[key.source][0]
                hint = f"keep one of them; the first is at {first}"
                raise BadInput(f"key {quoted(key.source)} twice", where=key.where, hint=hint)
            entries[key.source] = (key.where, self._value(next(self._events), depth + 1))
        return Mapping(entries, where)

    def _scalar(self, event: yaml.ScalarEvent, where: str) -> Scalar:
        text: str = event.value
        if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
            raise BadInput("half a character (a surrogate escape)", where=where)
        if event.style is not None:
            return Scalar(text, text, where, quoted=True)
        if _line(event.end_mark) != _line(event.start_mark):
            hint = (
                "is a colon missing, a bracket open or the next line indented too far? "
                "long text needs quotes or '|'"
            )
            raise BadInput(f"{quoted(text)} goes on in the next line", where=where, hint=hint)
        if text in _CONSTANTS:
            return Scalar(_CONSTANTS[text], text, where)
        return Scalar(int(text) if _INTEGER.fullmatch(text) else text, text, where)


# What PyYAML says -> (what is wrong, what to do). A star: the mistake is where its construct began.
_TRANSLATIONS = {
    "*could not find expected ':'": ("no colon after the key", "write 'key: value'"),
    "mapping values are not allowed": (
        "a colon where no key can stand",
        "compare the indentation with the line above; text with ': ' in it needs quotes",
    ),
    "sequence entries are not allowed": (
        "a list cannot begin here",
        "begin it on a line of its own; text that begins with '- ' needs quotes",
    ),
    "expected <block end>": (
        "this line is not in line with what it belongs to",
        "keys of one mapping, and the dashes of one list, begin in the same column",
    ),
    "*unexpected end of stream": ("a quote is opened here and never closed", "close it"),
    "*expected ',' or": (
        "a bracket is opened here and not closed, or a comma is missing",
        "close it; separate entries with commas",
    ),
    "unknown escape character": (
        "a backslash sequence that YAML does not know",
        "use single quotes for text with backslashes",
    ),
    "that cannot start any token": ("text cannot begin like this", "put the text in quotes"),
    "": ("not YAML", "look at this line and the one above"),
}


def _translated(error: yaml.MarkedYAMLError, lines: list[str], name: str) -> BadInput:
    """PyYAML's complaint in the words of somebody who wants to mend the file."""
    problem = error.problem or ""
    line = _line(error.problem_mark)
    text = lines[line - 1] if line <= len(lines) else ""
    if r"'\t'" in problem or "\t" in text[: len(text) - len(text.lstrip())]:
        hint = "indent with spaces only, two a level"
        return BadInput("a tab", where=f"{name}:{line}", hint=hint)
    theirs = next(key for key in _TRANSLATIONS if key.lstrip("*") in problem)
    if theirs.startswith("*") and error.context_mark:
        line = _line(error.context_mark)
    what, hint = _TRANSLATIONS[theirs]
    return BadInput(what, where=f"{name}:{line}", hint=hint)


class _Mark(Protocol):
    @property
    def line(self) -> int: ...


def _line(mark: _Mark | None) -> int:
    """PyYAML counts lines from nought, people do not."""
    return mark.line + 1 if mark else 1


def _kind(value: Value) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value.value, str):
        return f"the text {quoted(value.value)}"
    if isinstance(value.value, bool):
        return value.source
    return "nothing" if value.value is None else f"the number {value.value}"


def _mend(wanted: str, value: Value) -> str | None:
    """What to write instead."""
    if isinstance(value, Scalar):
        return _mend_scalar(wanted, value)
    if isinstance(value, Mapping) and wanted.startswith("a list"):
        return "begin each entry of a list with '- '"
    return None


def _mend_scalar(wanted: str, scalar: Scalar) -> str | None:
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


def parse_foreign(data: bytes) -> Any:
    """What another program wrote as YAML, without any strictness of ours.

    ``ValueError`` where it is not YAML.
    """
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_foreign_all(data: bytes) -> list[Any]:
    """All documents of what another program wrote; ``ValueError`` where it is not YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(data, Loader=loader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_foreign_texts(data: bytes) -> Any:
    """The same with every scalar as the text it was written as: ``1.10`` is no number.

    ``ValueError`` where it is not YAML.
    """
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # large indexes take minutes without C
    try:
        return yaml.load(data, Loader=loader)  # noqa: S506 - builds texts, lists and mappings only
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def dump_foreign(document: Any) -> str:
    """YAML for another program, keys in the order they have."""
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)
