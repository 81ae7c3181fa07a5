"""Reads an answer that is not shown, from the terminal on standard input.

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

_TICK = 0.2
_one_at_a_time = threading.Lock()


def read_hidden(question: str, check: Callable[[], None]) -> bytes:
    """The line that is typed, without its end; empty at the end of input.

    ``check`` is called several times a second and ends the wait by raising.
    """
    descriptor = sys.stdin.fileno()
    with _one_at_a_time, _without_echo(descriptor):
        check()
        try:
            click.echo(f"{question}: ", nl=False, err=True)
            return _line(descriptor, check)
        finally:
            click.echo(err=True)  # the one that was typed is not shown


def _line(descriptor: int, check: Callable[[], None]) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if select.select([descriptor], [], [], _TICK)[0]:
            part = os.read(descriptor, 4096)
            if not part:
                break
            line += part
        check()
    return line.rstrip(b"\r\n")


@contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
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
