"""Every text that users of edgeboot may read, found in the source: ``tools/messages``.

A Python text counts as a message where it is more than one word and no docstring, or where it is
given to an error, a check, an event or a terminal. Docstrings of Click commands are help texts.
Snippets count by what they print to standard error, templates by their visible text.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("edgeboot", "edgeboot_lab")
SPLIT = {"cli", "lifecycle", "shell"}  # large rooms, counted by their own rooms

# What a translation from another language leaves behind, and what to write instead.
PATTERNS = {
    r"\b(?:is|are) no\b(?! longer| more than)": "invalid …, … is not a …",
    r"\bshall\b": "must, will, or the present tense",
    r"\bmend(?:s|ed|ing)?\b": "fix, repair",
    r"(?<![.\w-])wants\b(?![/=])": "needs, expects, asks for",
    r"\b(?:is|are|be|was|were) had\b": "is available, can be obtained",
    r"\b(?:who|what|which)ever\b": "the subject itself",
    r"\bgo(?:es|ing)? on\b(?! (?:the|top)\b)": "continues, resumes",
    r"\bby the way\b": "(leave it out)",
    r"\banew\b": "again, re-…",
    r"\bthe very\b": "exactly the",
    r"\b(?:lies|stands) (?:in|on|below|above|elsewhere|beside)\b": "is",
    r"\bas (?:it|they) (?:shall|should|is|are)\b": "as configured, unchanged",
    r"\b(?:some|no|any)body\b": "a user, the operator, no user",
    r"\bthere is (?:nobody|nothing (?:to|called))\b": "unknown …, nothing to …",
}
_PATTERN = re.compile("|".join(PATTERNS), re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{2,}\S* +\S*[A-Za-z]{2,}")
_EXPRESSION = re.compile(r"\{[^{}]*\}")
_NOT_PROSE = {"compile", "search", "match", "fullmatch", "sub", "Snippet", "findall"}
_TERMINAL = {"echo", "print", "confirm", "prompt", "secho"}
_SHELL_SAYS = re.compile(r"""(?:>&2|^\s*fail\b|\bfail ["'])""")
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'""")


@dataclass(frozen=True)
class Message:
    """One text: ``kind`` is what it is given to (``BadInput``, ``hint``, ``help``, ``echo`` …)."""

    path: Path  # below the root of the repository
    line: int
    kind: str
    text: str

    @property
    def room(self) -> str:
        """The room that owns it: ``inventory``, ``cli/cluster``, ``edgeboot_lab``."""
        package, *parts = self.path.with_suffix("").parts
        if package != "edgeboot":
            return package
        return "/".join(parts[: 2 if parts[0] in SPLIT and len(parts) > 2 else 1])

    @property
    def foreign(self) -> str | None:
        """The first words in it that match one of the patterns."""
        found = _PATTERN.search(_EXPRESSION.sub("{}", self.text))
        return found.group() if found else None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.text}"


def messages() -> list[Message]:
    """All of them, by file and line."""
    found: list[Message] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            read = _READERS.get(path.suffix)
            if read:
                said = read(path.read_text())
                found += (Message(path.relative_to(ROOT), *message) for message in said)
    return sorted(found, key=lambda m: (m.path, m.line, m.text))


def python_texts(source: str) -> Iterator[tuple[int, str, str]]:
    yield from _in_python(ast.parse(source), "text")


def _in_python(node: ast.AST, kind: str) -> Iterator[tuple[int, str, str]]:
    """Texts below a node that is given to ``kind``."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        text = _text(node)
        if text is not None and (_WORDS.search(text) or kind in {"hint", "help"}):
            yield node.lineno, kind, " ".join(text.split())
        return
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
        first = node.body[0]
        children.remove(first)
        if isinstance(node, ast.FunctionDef) and any(map(_is_command, node.decorator_list)):
            yield first.lineno, "help", " ".join((ast.get_docstring(node) or "").split())
    if isinstance(node, ast.Call):
        name = _name(node.func)
        if name in _NOT_PROSE:
            return
        spoken = name[:1].isupper() or name in _TERMINAL or kind == "text"
        kind = name if name and spoken else kind
    elif isinstance(node, ast.keyword) and node.arg:
        kind = node.arg
    for child in children:
        yield from _in_python(child, kind)


def _text(node: ast.Constant | ast.JoinedStr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
        for part in node.values
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_command(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _name(function) in {"command", "group"}


def shell_texts(source: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        if _SHELL_SAYS.search(line) and not line.lstrip().startswith("#"):
            for double, single in _QUOTED.findall(line):
                if _WORDS.search(double or single):
                    yield number, "stderr", double or single


def template_texts(source: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        text = re.sub(r"<[^>]*>|\{[{%#].*?[}%#]\}", " ", line)
        if _WORDS.search(text):
            yield number, "template", " ".join(text.split())


_READERS = {".py": python_texts, ".sh": shell_texts, ".html": template_texts, ".j2": template_texts}


def counts() -> Counter[str]:
    """How many messages of each room match a pattern."""
    return Counter(message.room for message in messages() if message.foreign)


def main() -> None:
    """Print all messages, or those that match a pattern."""
    parser = argparse.ArgumentParser(prog="tools/messages", description=main.__doc__)
    parser.add_argument("--foreign", action="store_true", help="only those that match a pattern")
    parser.add_argument("--count", action="store_true", help="how many match, by room")
    parser.add_argument("room", nargs="?", help="only those of a room, such as cli/bundle")
    options = parser.parse_args()
    if options.count:
        for room, number in sorted(counts().items()):
            print(f"{room} {number}")
        return
    for message in messages():
        if options.room and message.room != options.room:
            continue
        if not options.foreign:
            print(message)
        elif message.foreign:
            print(f"{message}   <- {message.foreign!r}")


if __name__ == "__main__":
    main()
