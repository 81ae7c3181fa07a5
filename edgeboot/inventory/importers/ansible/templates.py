"""Values with ``{{ … }}``: names, attributes, indexes, ``default`` and a few filters.

Anything else raises ``Unknown``: nothing of an inventory is executed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_EXPRESSION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.S)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<compare>[=!<>]=|[<>])|(?P<sign>[\[\]().|,~+]))"""
)
_DEPTH = 20
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "string": str,
    "int": int,
    "trim": lambda value: str(value).strip(),
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "first": lambda value: value[0],
    "last": lambda value: value[-1],
    "bool": lambda value: str(value).lower() in {"true", "yes", "on", "1"},
    "length": len,
    "ipaddr": str,
    "list": list,
}


class Unknown(Exception):
    """The value cannot be known here."""


class Undefined(Unknown):
    """A name that nothing defines, which ``default`` can replace."""


def rendered(
    value: Any, lookup: Callable[[str], Any], depth: int = 0, *, unknown: str | None = None
) -> Any:
    """The value with its expressions replaced; ``lookup`` raises ``Undefined``.

    ``unknown`` takes the place of expressions that cannot be known; None: raise ``Unknown``.
    """
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    if "{%" in value or depth > _DEPTH:
        if unknown is None:
            raise Unknown
        return unknown

    def one(text: str) -> Any:
        try:
            result = _Expression(text, lookup).value()
            return rendered(result, lookup, depth + 1, unknown=unknown)
        except (Unknown, ValueError, RecursionError):
            if unknown is None:
                raise
            return unknown

    whole = _EXPRESSION.fullmatch(value.strip())
    if whole and "{{" not in whole[1]:
        return one(whole[1])
    return _EXPRESSION.sub(lambda found: str(one(found[1])), value)


class _Expression:
    """A recursive reading of one expression."""

    def __init__(self, text: str, lookup: Callable[[str], Any]) -> None:
        self._lookup = lookup
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if not found:
                raise Unknown
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()

    def value(self) -> Any:
        result = self._conditional()
        if self._tokens:
            raise Unknown
        return result

    def _conditional(self) -> Any:
        """``A if CONDITION else B``."""
        start = list(self._tokens)
        result: Any = None
        problem: Undefined | None = None
        try:
            result = self._joined()
        except Undefined as error:  # it may not be chosen
            problem, self._tokens = error, self._after_one(start)
        if not self._word("if"):
            if problem:
                raise problem
            return result
        holds = self._comparison()
        other = self._conditional() if self._word("else") else ""
        if holds and problem:
            raise problem
        return result if holds else other

    def _after_one(self, tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
        at = next((n for n, token in enumerate(tokens) if token == ("name", "if")), len(tokens))
        return tokens[at:]

    def _comparison(self) -> bool:
        negated = self._word("not")
        left = rendered(self._joined(), self._lookup)
        if self._tokens and self._tokens[0][0] == "compare":
            sign = self._tokens.pop(0)[1]
            right = rendered(self._joined(), self._lookup)
            if type(left) is not type(right):
                raise Unknown
            return bool(_COMPARE[sign](left, right)) != negated
        return bool(left) != negated

    def _word(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == ("name", word):
            self._tokens.pop(0)
            return True
        return False

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            self._tokens.pop(0)
            return True
        return False

    def _joined(self) -> Any:
        result = self._filtered()
        while self._take("~") or self._take("+"):
            other = self._filtered()
            both_texts = isinstance(result, str | int) and isinstance(other, str | int)
            if not both_texts:
                raise Unknown
            result = f"{result}{other}"
        return result

    def _filtered(self) -> Any:
        problem: Undefined | None = None
        result: Any = None
        try:
            result = self._path()
        except Undefined as error:
            problem = error
        while self._take("|"):
            kind, name = self._tokens.pop(0) if self._tokens else ("", "")
            arguments = self._list(")") if self._take("(") else []
            if kind != "name":
                raise Unknown
            if name in {"default", "d"} and arguments:
                empty_too = len(arguments) > 1 and arguments[1]
                if problem or (empty_too and not result):
                    result, problem = arguments[0], None
                if isinstance(result, Undefined):
                    problem = result
            elif problem is None:
                result = _applied(name, result)
        if problem:
            raise problem
        return result

    def _list(self, end: str) -> list[Any]:
        found: list[Any] = []
        while not self._take(end):
            if not self._tokens:
                raise Unknown
            try:
                found.append(self._joined())
            except Undefined as error:
                found.append(error)
            self._take(",")
        return found

    def _path(self) -> Any:
        if self._take("("):
            result = self._conditional()
            if not self._take(")"):
                raise Unknown
        elif self._take("["):
            result = self._list("]")
        else:
            result = self._atom()
        return self._within(result)

    def _within(self, result: Any) -> Any:
        """Attributes and indexes of a value; ``Undefined`` stays until the end."""
        undefined = isinstance(result, Undefined)
        while self._tokens and self._tokens[0] in {("sign", "."), ("sign", "[")}:
            if self._take("["):
                key = self._joined()
                if not self._take("]"):
                    raise Unknown
            else:
                self._take(".")
                key = self._tokens.pop(0)[1] if self._tokens else ""
            if not undefined:
                result = _item(result, key)
                undefined = isinstance(result, Undefined)
        if isinstance(result, Undefined):
            raise result
        return result

    def _atom(self) -> Any:
        kind, text = self._tokens.pop(0) if self._tokens else ("", "")
        if kind == "text":
            return text[1:-1]
        if kind == "number":
            return int(text)
        if kind != "name" or (self._tokens and self._tokens[0] == ("sign", "(")):
            raise Unknown
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        try:
            return self._lookup(text)
        except Undefined as error:
            return error


def _item(value: Any, key: Any) -> Any:
    """An item, or ``Undefined``, which the rest of the expression may still replace."""
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return Undefined()


def _applied(name: str, value: Any) -> Any:
    try:
        return _FILTERS[name](value)
    except (KeyError, ValueError, TypeError, IndexError):
        raise Unknown from None
