"""The one terminal of this process, shared by the live display, by questions and by plain output.

What is drawn is erased before anything else is written, and not drawn while a question is open:
what other threads write meanwhile comes after the answer. On a pipe and on a terminal that cannot
move its cursor, a line says from time to time what runs.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from edgeboot.cli.terminal.running import Running
from edgeboot.cli.terminal.streams import unguarded
from edgeboot.events import Event
from edgeboot.printable import printable

if TYPE_CHECKING:  # loaded where something is drawn
    from rich.console import Console
    from rich.live import Live

PULSE = 8.0  # seconds of silence until a line says what runs
_DRAWN_AFTER = 1.0
_TICK = 0.25
_ROWS = 10


class Screen:
    """Made once, as ``SCREEN``; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running = Running()
        self._users = 0
        self._end = threading.Event()
        self._live: Live | None = None
        self._console: Console | None = None
        self._streams: tuple[TextIO, TextIO] | None = None
        self._asker: int | None = None
        self._held: list[tuple[TextIO, str]] = []
        self._said = 0.0

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Shows what runs as long as the block does; may be nested."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def follow(self, event: Event) -> None:
        """Takes in what happened, to show it later if it takes long."""
        with self._lock:
            self._running.follow(event)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is drawn or written by others while the block asks a question."""
        with self._lock:
            self._erase()
            outer, self._asker = self._asker, threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                self._asker = outer
                held, self._held = self._held, []
                for stream, text in held:
                    stream.write(text)
                self._said = time.monotonic()

    def write(self, stream: TextIO, text: str) -> int:
        """Writes for a stream that stands in the place of ``stream``."""
        with self._lock:
            if self._asker not in {None, threading.get_ident()}:
                self._held.append((stream, text))
                return len(text)
            self._erase()
            self._said = time.monotonic()
            return stream.write(text)

    def _enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._running = Running()
            self._said = time.monotonic()
            self._end = threading.Event()
            out, err = self._streams = (sys.stdout, sys.stderr)
            draws = err.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
            self._console = _console(err) if draws else None
            sys.stdout = _Stand(self, out) if out.isatty() else out
            sys.stderr = _Stand(self, err)
            work = threading.Thread(
                target=self._tick, args=(self._end,), name="edgeboot-screen", daemon=True
            )
            work.start()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._streams:
                self._end.set()
                self._erase()
                sys.stdout, sys.stderr = self._streams

    def _tick(self, end: threading.Event) -> None:
        while not end.wait(_TICK):
            with self._lock:
                if end.is_set() or self._asker is not None or self._streams is None:
                    continue
                if self._console:
                    self._draw(self._console)
                elif time.monotonic() - self._said >= PULSE:
                    self._say(self._streams[1])

    def _draw(self, console: Console) -> None:
        from rich.console import Group
        from rich.live import Live
        from rich.text import Text

        lines = self._running.lines(older=_DRAWN_AFTER)
        if not lines:
            self._erase()
            return
        room = max(1, min(_ROWS, console.height - 3))
        if len(lines) > room:
            lines = [*lines[: room - 1], f"… and {len(lines) - room + 1} more"]
        rows = Group(
            *(Text(f"  {printable(line)}", no_wrap=True, overflow="ellipsis") for line in lines)
        )
        if self._live is None:
            self._live = Live(
                rows, console=console, auto_refresh=False, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        self._live.update(rows, refresh=True)

    def _say(self, stream: TextIO) -> None:
        self._said = time.monotonic()
        for line in self._running.lines():
            stream.write(f"  … {line}\n")
        stream.flush()

    def _erase(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=unguarded(stream), highlight=False)


class _Stand:
    """Stands in the place of a standard stream while something may be drawn."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes after what is drawn was erased."""
        if not isinstance(text, str):  # click finds out so whether a stream takes bytes
            raise TypeError("a stream of text")
        return self._screen.write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


SCREEN = Screen()
