"""Go templates as far as image names need them: parsed to a tree, expressions to nested lists.

This is no Helm: it is there for when no ``helm`` is at hand. What it does not know gives an unknown
value and never a guess (``gorender``). Source: Go's text/template documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# No two alternatives can match the same text, so that a hostile template costs no more than a look.
_ACTION = re.compile(
    r"\{\{(-\s)?\s*(/\*.*?\*/|(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?!\{\{)[^\"`])*?)\s*(\s-)?\}\}", re.S
)
_TOKEN = re.compile(
    r"""\s*("(?:\\.|[^"\\])*"|`[^`]*`|\(|\)|\||:=|=|,|-?[0-9]+(?:\.[0-9]+)?(?![\w.])
    |\$?[\w-]*(?:\.[\w-]+)+|\$[\w]*|\.|[\w]+|\S)""",
    re.X,
)
_OPENERS = ("if", "with", "range", "define", "block")


@dataclass
class Block:
    """``if``, ``with``, ``range`` or ``define``, what follows the word, and its branches."""

    kind: str
    head: list[str]
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Output:
    """An action: an expression as tokens."""

    tokens: list[str]


Node = str | Output | Block


def parse(text: str) -> list[Node]:
    """The tree of a template; ValueError where blocks do not match."""
    top: list[Node] = []
    stack: list[tuple[list[Node], Block | None]] = [(top, None)]
    for piece in _pieces(text):
        here, block = stack[-1]
        if isinstance(piece, str):
            here.append(piece)
        elif piece and piece[0] in _OPENERS:
            opened = Block(piece[0], piece[1:])
            here.append(opened)
            stack.append((opened.body, opened))
        elif piece and piece[0] in ("else", "end"):
            if block is None:
                raise ValueError(f"{piece[0]} without a block")
            stack.pop()
            if piece[0] == "else":
                stack.append(_branch(block, piece[1:]))
        elif piece:
            here.append(Output(piece))
    if len(stack) > 1:
        raise ValueError("a block without end")
    return top


def _branch(block: Block, words: list[str]) -> tuple[list[Node], Block]:
    """What follows an else; an ``else if`` is a block inside, ended by the same ``end``."""
    if not words:
        return block.otherwise, block
    inner = Block(words[0], words[1:])
    block.otherwise.append(inner)
    return inner.body, inner


def _pieces(text: str) -> Iterator[str | list[str]]:
    """Text, and the tokens of actions, with whitespace trimmed where ``{{-`` and ``-}}`` ask."""
    at, trim = 0, False
    for match in _ACTION.finditer(text):
        before = text[at : match.start()]
        before = before.lstrip() if trim else before
        yield before.rstrip() if match[1] else before
        yield [] if match[2].startswith("/*") else [t[1] for t in _TOKEN.finditer(match[2])]
        at, trim = match.end(), bool(match[3])
    yield text[at:].lstrip() if trim else text[at:]
