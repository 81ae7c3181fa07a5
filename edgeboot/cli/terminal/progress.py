"""Tells events: lines for people, JSON lines for programs, and what runs just now."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from edgeboot.cli.terminal.screen import SCREEN
from edgeboot.cli.terminal.verbosity import is_quiet
from edgeboot.events import Event, Listener, silent
from edgeboot.report.events import event_json, event_line


@contextmanager
def listener(output: str) -> Iterator[Listener]:
    """A listener for ``output`` text or jsonl; safe to call from several threads."""
    if output == "jsonl":
        yield _locked(lambda event: click.echo(json.dumps(event_json(event))))
    elif is_quiet():
        yield silent
    else:
        with SCREEN.alive():
            yield _locked(_plain)


def _locked(tell: Listener) -> Listener:
    lock = threading.Lock()

    def safely(event: Event) -> None:
        with lock:
            tell(event)

    return safely


def _plain(event: Event) -> None:
    SCREEN.follow(event)
    line = event_line(event)
    if line is not None:
        click.echo(line, err=True)
