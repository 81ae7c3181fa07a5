"""PyYAML's complaints in the words of people who want to fix the file."""

from __future__ import annotations

from typing import Protocol

import yaml

from edgeboot.errors import BadInput
from edgeboot.yaml.position import Position

# What PyYAML says -> (what is wrong, what to do). A star: report where the construct began.
_TRANSLATIONS = {
    "*could not find expected ':'": ("missing colon after the key", "write 'key: value'"),
    "mapping values are not allowed": (
        "unexpected colon",
        "compare the indentation with the line above; quote text that contains ': '",
    ),
    "sequence entries are not allowed": (
        "unexpected list",
        "start it on a line of its own; quote text that starts with '- '",
    ),
    "expected <block end>": (
        "wrong indentation",
        "start all keys of a mapping, or all dashes of a list, in the same column",
    ),
    "*unexpected end of stream": ("unclosed quote", "close it"),
    "*expected ',' or": (
        "unclosed bracket or missing comma",
        "close it; separate entries with commas",
    ),
    "unknown escape character": (
        "unknown escape sequence",
        "use single quotes for text with backslashes",
    ),
    "that cannot start any token": ("unexpected character", "quote the text"),
    "": ("invalid YAML", "check this line and the one above"),
}


def translated(error: yaml.MarkedYAMLError, lines: list[str], name: str) -> BadInput:
    """What is wrong and how to fix it."""
    problem = error.problem or ""
    line = line_of(error.problem_mark)
    text = lines[line - 1] if line <= len(lines) else ""
    if r"'\t'" in problem or "\t" in text[: len(text) - len(text.lstrip())]:
        hint = "indent with spaces, two for each level"
        return BadInput("tab in the indentation", where=Position.at(name, line), hint=hint)
    theirs = next(key for key in _TRANSLATIONS if key.lstrip("*") in problem)
    if theirs.startswith("*") and error.context_mark:
        line = line_of(error.context_mark)
    what, hint = _TRANSLATIONS[theirs]
    return BadInput(what, where=Position.at(name, line), hint=hint)


class _Mark(Protocol):
    @property
    def line(self) -> int: ...


def line_of(mark: _Mark | None) -> int:
    """The line of a mark, counted from one."""
    return mark.line + 1 if mark else 1
