"""Renders parsed templates with values; what cannot be known stays visibly unknown.

Only what charts use around images is known: fields, variables, conditions, loops, named templates
and the commonest functions. Both branches of an unknown condition are rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeboot.bundle.charts.gotemplate import Block, Node, Output, parse
from edgeboot.yaml import strict

_STEPS_MAX = 100_000
_DEPTH_MAX = 60
_TEXT_MAX = 1 << 20
_INDENT_MAX = 100
_VERBS = re.compile(r"%[^svdq%]")
UNKNOWN = re.compile("\x00([^\x01]*)\x01")  # as it stands in rendered text
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONSTANTS = {"true": True, "false": False, "nil": None}


@dataclass(frozen=True)
class Unknown:
    """A value that only Helm could tell."""

    why: str

    def __str__(self) -> str:
        return f"\x00{self.why}\x01"


class TooMuch(Exception):
    """A template that renders endlessly."""


@dataclass
class Renderer:
    """Renders templates of one scope. ``touched`` gathers the paths of values that were read."""

    root: Mapping[str, Any]
    defines: Mapping[str, list[Node]]
    touched: set[tuple[str, ...]] = field(default_factory=set)
    steps: int = 0
    depth: int = 0

    def render(self, nodes: list[Node], dot: Any, names: dict[str, Any]) -> str:
        """The text of nodes, unknown parts between NUL and SOH."""
        return "".join(self._node(node, dot, names) for node in nodes)

    def _node(self, node: Node, dot: Any, names: dict[str, Any]) -> str:
        self.steps += 1
        if self.steps > _STEPS_MAX:
            raise TooMuch
        if isinstance(node, str):
            return node
        if isinstance(node, Output):
            tokens = node.tokens
            if len(tokens) > 2 and tokens[0].startswith("$") and tokens[1] in (":=", "="):
                names[tokens[0]] = self.value(tokens[2:], dot, names)
                return ""
            return self._output(tokens, dot, names)
        return self._block(node, dot, names)

    def _output(self, tokens: list[str], dot: Any, names: dict[str, Any]) -> str:
        """An action's text; where a line of it is unknown, with the values it was to come from."""
        before, self.touched = self.touched, set()
        text = _text(self.value(tokens, dot, names))
        paths = sorted(".".join((".Values", *path)) for path in self.touched)
        self.touched |= before
        if UNKNOWN.search(text) and "\n" not in text.strip():
            why = ", ".join(dict.fromkeys(m[1] for m in UNKNOWN.finditer(text)))
            return str(Unknown(why if "(" in why or not paths else f"{why} ({' '.join(paths)})"))
        return text

    def _block(self, block: Block, dot: Any, names: dict[str, Any]) -> str:
        if block.kind == "define":
            return ""
        variables, head = [], block.head
        if ":=" in head:
            split = head.index(":=")
            variables, head = [t for t in head[:split] if t != ","], head[split + 1 :]
        value = self.value(head, dot, names)
        if isinstance(value, Unknown):
            inner = dot if block.kind == "if" else value
            bound = {**names, **dict.fromkeys(variables, value)}
            return "\n".join(
                (self.render(block.body, inner, bound), self.render(block.otherwise, dot, names))
            )
        if not _true(value):
            return self.render(block.otherwise, dot, names)
        if block.kind == "range":
            return self._range(block, value, variables, names)
        inner_names = names if block.kind == "if" else dict(names)
        inner_names |= dict.fromkeys(variables, value)
        return self.render(block.body, dot if block.kind == "if" else value, inner_names)

    def _range(self, block: Block, value: Any, variables: list[str], names: dict[str, Any]) -> str:
        pairs = sorted(value.items()) if isinstance(value, dict) else None
        if pairs is None:
            pairs = list(enumerate(value)) if isinstance(value, list) else [("", Unknown("range"))]
        parts = []
        for key, item in pairs:
            bound = dict(zip(variables[-2:][::-1], (item, key), strict=False))
            parts.append(self.render(block.body, item, {**names, **bound}))
        return "".join(parts)

    def value(self, tokens: list[str], dot: Any, names: dict[str, Any]) -> Any:
        """What an expression gives: pipes left to right, each the last argument of the next."""
        piped: list[Any] = []
        for command in _split(tokens):
            piped = [self._command(command, dot, names, piped)]
        return piped[0] if piped else ""

    def _command(self, words: list[Any], dot: Any, names: dict[str, Any], last: list[Any]) -> Any:
        if not words:
            return Unknown("empty")
        head = words[0]
        if isinstance(head, str) and _FUNCTION.fullmatch(head) and head not in _CONSTANTS:
            arguments = [self._word(w, dot, names) for w in words[1:]] + last
            return self._call(head, arguments)
        if last or len(words) > 1:
            for word in words:
                self._word(word, dot, names)
            return Unknown(" ".join(map(str, words)))
        return self._word(head, dot, names)

    def _word(self, word: Any, dot: Any, names: dict[str, Any]) -> Any:
        if isinstance(word, list):
            return self._group(word, dot, names)
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if word[0] == '"':
            try:
                return json.loads(word)
            except ValueError:
                return Unknown(word)
        if word[0] == "`":
            return word[1:-1]
        if word[0] == "$" or word[0] == ".":
            return self._field(word, dot, names)
        try:
            return int(word) if "." not in word else float(word)
        except ValueError:
            return self._call(word, [])

    def _group(self, word: list[Any], dot: Any, names: dict[str, Any]) -> Any:
        """A parenthesis, perhaps with a field after it: ``(dict "a" 1).a``."""
        inner, path = word
        value = self.value(inner, dot, names)
        return self._runner(value, path, None) if path else value

    def _field(self, word: str, dot: Any, names: dict[str, Any]) -> Any:
        name, _, path = word.partition(".")
        if name == "$" or (not name and dot is self.root):
            start, known = self.root, True
        elif name:
            start, known = names.get(name, Unknown(name)), False
            known = start is self.root
        else:
            start, known = dot, False
        parts = [part for part in path.split(".") if part]
        if known and parts[:1] == ["Values"]:
            self.touched.add(tuple(parts[1:]))
        return self._runner(start, parts, word)

    def _runner(self, value: Any, parts: list[str], word: str | None) -> Any:
        for part in parts:
            if isinstance(value, Unknown):
                return value
            if not isinstance(value, dict):
                return None
            if part not in value and value is self.root:
                return Unknown(word or part)
            value = value.get(part)
        return value

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name in ("include", "template"):
            return self._include(arguments)
        if name == "tpl" and arguments:
            text = arguments[0]
            if not isinstance(text, str) or "{{" not in text:
                return text
            try:
                return self._nested(parse(text), self.root)
            except ValueError:
                return Unknown("tpl")
        lazy, function = _LAZY.get(name), _FUNCTIONS.get(name)
        unknown = next((a for a in arguments if isinstance(a, Unknown)), None)
        if lazy is None and (function is None or unknown is not None):
            return unknown or Unknown(name)
        try:
            found = lazy(arguments) if lazy else function(*arguments) if function else None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            return Unknown(name)
        if isinstance(found, str) and len(found) > _TEXT_MAX:
            raise TooMuch
        return found

    def _include(self, arguments: list[Any]) -> Any:
        name = arguments[0] if arguments else None
        if not isinstance(name, str) or name not in self.defines:
            return Unknown(f"include {name}")
        dot = arguments[1] if len(arguments) > 1 else None
        return self._nested(self.defines[name], dot)

    def _nested(self, nodes: list[Node], dot: Any) -> Any:
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise TooMuch
        try:
            text = self.render(nodes, dot, {"$": dot})
            if len(text) > _TEXT_MAX:
                raise TooMuch
            return text
        finally:
            self.depth -= 1


def _split(tokens: list[str]) -> list[list[Any]]:
    """Commands between pipes; a parenthesis becomes ``[tokens, path after it]``."""
    commands: list[list[Any]] = [[]]
    at = 0
    while at < len(tokens):
        word = tokens[at]
        if word == "(":
            depth, end = 1, at + 1
            while end < len(tokens) and depth:
                depth += {"(": 1, ")": -1}.get(tokens[end], 0)
                end += 1
            after = tokens[end] if end < len(tokens) and tokens[end].startswith(".") else ""
            path = [p for p in after.split(".") if p]
            commands[-1].append([tokens[at + 1 : end - 1], path])
            at = end + bool(path)
            continue
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
        at += 1
    return commands


def _true(value: Any) -> bool:
    return bool(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return ""
    return "" if value is None else str(value)


def _printf(form: str, *arguments: Any) -> str:
    if _VERBS.search(form):
        raise ValueError("a verb that edgeboot does not know")
    parts = form.replace("%v", "%s").replace("%d", "%s").replace("%q", '"%s"')
    return parts % tuple(_text(a) for a in arguments)


def _and(arguments: list[Any]) -> Any:
    for value in arguments:
        if not isinstance(value, Unknown) and not _true(value):
            return value
    return next((a for a in arguments if isinstance(a, Unknown)), arguments[-1:] and arguments[-1])


def _or(arguments: list[Any]) -> Any:
    for value in arguments:
        if isinstance(value, Unknown) or _true(value):
            return value
    return arguments[-1] if arguments else None


def _default(arguments: list[Any]) -> Any:
    return _or(arguments[::-1])


def _dict(*pairs: Any) -> dict[str, Any]:
    return dict(zip(map(_text, pairs[::2]), pairs[1::2], strict=True))


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value[key] if isinstance(value, list) else (value or {}).get(key)
    return value


def _to_yaml(value: Any) -> str:
    return strict.dump_foreign(value).rstrip("\n").removesuffix("\n...")


def _indent(width: int, text: str) -> str:
    width = min(width, _INDENT_MAX)
    return "\n".join(" " * width + line for line in _text(text).split("\n"))


# Functions that give something known although an argument is not.
_LAZY: dict[str, Callable[[list[Any]], Any]] = {
    "and": _and,
    "or": _or,
    "coalesce": _or,
    "default": _default,
    "dict": lambda a: _dict(*a) if len(a) % 2 == 0 else Unknown("dict"),
    "list": list,
    "merge": lambda _: Unknown("merge"),
    "required": lambda a: a[-1] if a else None,
    "quote": lambda a: '"' + " ".join(_text(x) for x in a) + '"',
    "squote": lambda a: "'" + " ".join(_text(x) for x in a) + "'",
    "print": lambda a: "".join(_text(x) for x in a),
    "toString": lambda a: _text(a[0]) if a else "",
    "toYaml": lambda a: (
        _to_yaml(a[0]) if a and not isinstance(a[0], Unknown) else Unknown("toYaml")
    ),
    "indent": lambda a: _indent(a[0], a[1]),
    "nindent": lambda a: "\n" + _indent(a[0], a[1]),
    "lookup": lambda _: {},
    "fail": lambda _: "",
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda a: not _true(a),
    "empty": lambda a: not _true(a),
    "eq": lambda a, *b: a in b,
    "ne": lambda a, b: a != b,
    "printf": _printf,
    "index": _index,
    "get": lambda d, k: d.get(k, ""),
    "hasKey": lambda d, k: k in d,
    "ternary": lambda yes, no, flag: yes if flag else no,
    "trim": lambda t: t.strip(),
    "trimSuffix": lambda s, t: t.removesuffix(s),
    "trimPrefix": lambda s, t: t.removeprefix(s),
    "trimAll": lambda s, t: t.strip(s),
    "trunc": lambda n, t: t[:n] if n >= 0 else t[n:],
    "lower": lambda t: t.lower(),
    "upper": lambda t: t.upper(),
    "replace": lambda a, b, t: t.replace(a, b),
    "contains": lambda a, t: a in t,
    "hasPrefix": lambda a, t: t.startswith(a),
    "hasSuffix": lambda a, t: t.endswith(a),
    "split": lambda s, t: {f"_{n}": part for n, part in enumerate(t.split(s))},
    "splitList": lambda s, t: t.split(s),
    "join": lambda s, v: s.join(map(_text, v)),
    "first": lambda v: v[0],
    "last": lambda v: v[-1],
    "len": len,
    "int": lambda v: int(v or 0),
    "kindIs": lambda k, v: (
        k == {dict: "map", list: "slice", str: "string", bool: "bool"}.get(type(v))
    ),
    "typeIs": lambda k, v: k == {str: "string", bool: "bool"}.get(type(v)),
    "fromYaml": lambda t: strict.parse_foreign(t.encode()) or {},
    "concat": lambda *v: [item for part in v for item in part],
    "keys": lambda d: sorted(d),
}
