"""Secrets as a type: masked in repr, plan, log, error and traceback."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Secret:
    """Bytes that are never shown; they reach a host on standard input, into a 0600 file."""

    value: bytes = field(repr=False)

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, _spec: str) -> str:
        return "<secret>"
