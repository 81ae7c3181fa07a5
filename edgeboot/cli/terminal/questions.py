"""Questions whose answers are shown: yes or no, and lines of text."""

from __future__ import annotations

import sys

import click

from edgeboot.cli.terminal.hidden import read_line
from edgeboot.errors import BadInput

_ATTEMPTS = 3
_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}


def require_terminal(what: str, hint: str) -> None:
    """``BadInput`` where nobody can be asked ``what``; ``hint`` names the option instead."""
    if not sys.stdin.isatty():
        raise BadInput(f"cannot ask {what}: standard input is not a terminal", hint=hint)


def confirmed(question: str) -> bool:
    """Ask a yes-or-no question; an empty answer and the end of input mean no."""
    for _ in range(_ATTEMPTS):
        answer = typed(f"{question} [y/N]")
        if answer is None:
            return False
        if answer.lower() in _ANSWERS:
            return _ANSWERS[answer.lower()]
        click.echo("type y or n", err=True)
    return False


def typed(question: str, *, drop: bool = True) -> str | None:
    """The line that is typed, without blanks around it; None at the end of input.

    Without ``drop``, lines that were pasted together answer one question after the other.
    """
    line = read_line(question, hidden=False, drop=drop)
    return None if line is None else line.decode("utf-8", "replace").strip()
