"""Reads a line from the terminal on standard input, shown or not.

Not ``getpass``: nothing ends its wait when the question is put by a worker thread, since signals
only reach the main thread.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from edgeboot.cli.terminal.screen import SCREEN

_TICK = 0.2
_one_at_a_time = threading.Lock()


def read_line(
    question: str, check: Callable[[], None] = lambda: None, *, hidden: bool, drop: bool = True
) -> bytes | None:
    """The line that is typed, without its end; None at the end of input.

    ``check`` is called several times a second and ends the wait by raising. With ``drop``, what was
    typed before the question was seen is no answer to it.
    """
    descriptor = sys.stdin.fileno()
    with _one_at_a_time, SCREEN.paused(), _echoing(descriptor, hidden, drop):
        check()
        ended = True
        try:
            click.echo(f"{question}: ", nl=False, err=True)
            line, ended = _line(descriptor, check)
        finally:
            if hidden or ended:
                click.echo(err=True)  # the one that was typed is not shown
    return None if ended and not line else line


def _line(descriptor: int, check: Callable[[], None]) -> tuple[bytes, bool]:
    """What was typed, and whether the input ended with it."""
    line = b""
    while not line.endswith(b"\n"):
        if select.select([descriptor], [], [], _TICK)[0]:
            part = os.read(descriptor, 4096)
            if not part:
                return line, True
            line += part
        check()
    return line.rstrip(b"\r\n"), False


@contextmanager
def _echoing(descriptor: int, hidden: bool, drop: bool) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    local = before[3] & ~termios.ECHO if hidden else before[3] | termios.ECHO | termios.ICANON
    when = termios.TCSAFLUSH if drop else termios.TCSADRAIN
    termios.tcsetattr(descriptor, when, [*before[:3], local, *before[4:]])
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def restore() -> None:
    """Turns echo and cursor of the terminal back on before the process exits at once."""
    with suppress(termios.error, ValueError, OSError):
        settings = termios.tcgetattr(sys.stdin)
        settings[3] |= termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h")  # past the exit for text
