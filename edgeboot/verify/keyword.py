"""``-k`` expressions over the names of checks, with pytest's syntax. Pure.

pytest matches its own ``-k`` within its session. Here the expression decides which checks are
expected, so it must be read outside: before a host is contacted, and without pytest.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edgeboot.errors import BadInput

Matcher = Callable[[str], bool]
_TOKEN = re.compile(r"\s*(?:(?P<token>[()]|[\w:+\-./\\\[\]]+)|(?P<wrong>\S))")
_DEEPEST = 50  # parentheses and "not" within each other


def keyword_matcher(expression: str | None) -> Matcher:
    """Whether a name matches: its words are substrings, in any case. No expression matches all.

    Raises:
        BadInput: the expression cannot be read.

    """
    if expression is None:
        return lambda _name: True
    matches = _Parser(expression).whole()
    return lambda name: matches(name.lower())


class _Parser:
    """``or`` binds weaker than ``and``, ``and`` weaker than ``not``."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._split())

    def _split(self) -> list[str]:
        tokens = []
        for found in _TOKEN.finditer(self._expression):
            if found["wrong"]:
                raise self._error(f"unexpected character {found['wrong']!r}")
            tokens.append(found["token"])
        return tokens

    def whole(self) -> Matcher:
        found = self._any(0)
        if self._tokens:
            raise self._error(f"unexpected {self._tokens[0]!r}")
        return found

    def _any(self, depth: int) -> Matcher:
        found = [self._all(depth)]
        while self._takes("or"):
            found.append(self._all(depth))
        return lambda name: any(matches(name) for matches in found)

    def _all(self, depth: int) -> Matcher:
        found = [self._one(depth)]
        while self._takes("and"):
            found.append(self._one(depth))
        return lambda name: all(matches(name) for matches in found)

    def _one(self, depth: int) -> Matcher:
        if depth > _DEEPEST:
            raise self._error("it is nested too deeply")
        if self._takes("not"):
            inner = self._one(depth + 1)
            return lambda name: not inner(name)
        if self._takes("("):
            inner = self._any(depth + 1)
            if not self._takes(")"):
                raise self._error("a closing parenthesis is missing")
            return inner
        if not self._tokens or self._tokens[0] in {"and", "or", ")"}:
            raise self._error("a name is missing")
        word = self._tokens.pop(0).lower()
        return lambda name: word in name

    def _takes(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        del self._tokens[0]
        return True

    def _error(self, what: str) -> BadInput:
        return BadInput(
            f"invalid expression -k {self._expression!r}: {what}",
            hint="join names by `and`, `or` and `not`: -k 'dns or (budget and not agent-1)'",
        )
