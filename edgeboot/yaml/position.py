"""Where a value stands in its file."""

from __future__ import annotations


class Position(str):
    """``file:line``, which also knows its line and column as numbers."""

    __slots__ = ("column", "line")
    line: int
    column: int

    @classmethod
    def at(cls, file: str, line: int, column: int = 0) -> Position:
        """The position; lines count from one."""
        made = cls(f"{file}:{line}")
        made.line, made.column = line, column
        return made
