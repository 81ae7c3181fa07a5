"""Strict YAML with positions: what people write for edgeboot, read so that mistakes can be fixed.

Stricter than YAML 1.1: one document whose top is a mapping; no anchors, aliases, merge keys or
tags; no key twice; only ``true`` and ``false`` are booleans and only decimal numbers are numbers,
so that ``no``, ``0755``, ``1.10`` and ``12:30`` stay the text they were written as. Text without
quotes ends with its line: text that continues on the next line
has lost a colon or its indentation.

A value that breaks one of these rules is reported and becomes ``Broken``; the rest of the file is
still read, so that all mistakes are reported at once.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from edgeboot.errors import BadInput
from edgeboot.localio import bounded
from edgeboot.yaml.complaints import line_of, translated
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.values import Broken, Mapping, Scalar, Sequence, Value, kind
from edgeboot.yaml.wording import quoted

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


def load(path: Path, problems: Problems | None = None) -> Mapping:
    """Read a file; BadInput if it cannot be read or breaks a rule of this module.

    With ``problems``, mistakes that leave the rest readable are reported there instead of raised.
    """
    return parse(_text(path), str(path), problems)


def _text(path: Path) -> str:
    try:
        with bounded.opened(path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput("no such file", where=str(path), hint="check the path") from None
    except IsADirectoryError:
        hint = "name a YAML file in it"
        raise BadInput("is a directory", where=str(path), hint=hint) from None
    except OSError as error:
        hint = "check that it is a file that you may read"
        reason = error.strerror or str(error)
        raise BadInput(f"cannot read the file: {reason}", where=str(path), hint=hint) from None
    if len(data) > MAX_BYTES:
        hint = "check that this is the right file"
        what = f"the file is larger than {MAX_BYTES >> 20} MiB"
        raise BadInput(what, where=str(path), hint=hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        where = Position.at(str(path), line)
        raise BadInput("not UTF-8 text", where=where, hint="save the file as UTF-8") from None


def parse(text: str, name: str, problems: Problems | None = None) -> Mapping:
    """Read YAML text; ``name`` stands for the file in messages."""
    found = problems or Problems()
    top = None
    with found:
        top = _document(text, name, found)
    if problems is None or top is None:
        found.raise_any()
    if top is None:
        raise AssertionError("a text without a mistake is a document")
    return top


def _document(text: str, name: str, problems: Problems) -> Mapping:
    try:
        return _Parser(text, name, problems).document()
    except yaml.reader.ReaderError as error:
        where = Position.at(name, 1 + text.count("\n", 0, error.position))
        hint = "remove it, or write it as an escape in double quotes"
        raise BadInput("control character", where=where, hint=hint) from None
    except yaml.MarkedYAMLError as error:
        raise translated(error, text.splitlines(), name) from None
    except (ValueError, OverflowError):  # PyYAML on "\UFFFFFFFF" or a huge %YAML version
        hint = "look for an escape with \\U, or a line with %YAML"
        raise BadInput("invalid character or YAML version", where=name, hint=hint) from None


class _Parser:
    """Builds values from PyYAML's events, so that a bomb is refused before it is built."""

    def __init__(self, text: str, name: str, problems: Problems) -> None:
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._name = name
        self._problems = problems

    def document(self) -> Mapping:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise BadInput("the file is empty", where=self._name, hint="write 'key: value' lines")
        top = self._value(next(self._events), 1)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            hint = "remove everything from the second '---' on"
            raise BadInput("second document", where=self._where(after), hint=hint)
        if isinstance(top, Broken):
            raise reported()
        if not isinstance(top, Mapping):
            what = f"the top of the file must be a mapping, not {kind(top)}"
            raise BadInput(
                what, where=top.where, hint="start with 'key: value' in the first column"
            )
        return top

    def _where(self, event: yaml.Event) -> Position:
        column = event.start_mark.column if event.start_mark else 0
        return Position.at(self._name, line_of(event.start_mark), column)

    def _value(self, event: yaml.Event, depth: int) -> Value:
        where = self._where(event)
        if depth > MAX_DEPTH:
            raise BadInput(f"nested deeper than {MAX_DEPTH} levels", where=where)
        refused = _refused(event)
        if refused:
            what, hint = refused
            self._problems.report(BadInput(what, where=where, hint=hint))
        value = self._built(event, where, depth)
        return Broken(where) if refused else value

    def _built(self, event: yaml.Event, where: Position, depth: int) -> Value:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(where, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return Sequence(tuple(items), where)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, where)
        return Broken(where)  # an alias

    def _mapping(self, where: Position, depth: int) -> Mapping:
        entries: dict[str, tuple[Position, Value]] = {}
        lost = False
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(next(self._events), depth + 1)
            at = self._where(event)
            before = len(entries)
            with self._problems:
                name = _key(key, at)
                if name in entries:
                    hint = f"remove one of them (first used at {entries[name][0]})"
                    raise BadInput(f"duplicate key {quoted(name)}", where=at, hint=hint)
                entries[name] = (at, value)
            lost = lost or len(entries) == before
        return Mapping(entries, where, lost)

    def _scalar(self, event: yaml.ScalarEvent, where: Position) -> Scalar | Broken:
        text: str = event.value
        if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
            what, hint = "half a character (a surrogate escape)", "remove the escape"
            self._problems.report(BadInput(what, where=where, hint=hint))
            return Broken(where)
        if event.style is not None:
            return Scalar(text, text, where, quoted=True)
        if line_of(event.end_mark) != line_of(event.start_mark):
            hint = (
                "look for a missing colon, an open bracket, or too much indentation on the next "
                "line; quote long text or use '|'"
            )
            raise BadInput(f"{quoted(text)} continues on the next line", where=where, hint=hint)
        if text in _CONSTANTS:
            return Scalar(_CONSTANTS[text], text, where)
        return Scalar(int(text) if _INTEGER.fullmatch(text) else text, text, where)


def _refused(event: yaml.Event) -> tuple[str, str] | None:
    """What is wrong with a value that YAML allows and this module does not, and the fix."""
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        hint = "write the value out; quote text that starts with * or &"
        return "anchors and aliases (& and *) are not supported", hint
    if getattr(event, "tag", None) is not None:
        return "tags (!) are not supported", "remove it; quote text that starts with !"
    return None


def _key(key: Value, where: Position) -> str:
    if isinstance(key, Broken):
        raise reported()
    if not isinstance(key, Scalar) or key.source == "":
        hint = "write plain text; quote a key that starts with { or [ or ?"
        raise BadInput("invalid key", where=where, hint=hint)
    if key.source == "<<" and not key.quoted:
        hint = "write the keys out"
        raise BadInput("merge keys (<<) are not supported", where=where, hint=hint)
    return key.source
