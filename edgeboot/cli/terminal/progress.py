"""Draws events: bars on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from edgeboot.cli.terminal.streams import unguarded
from edgeboot.cli.terminal.verbosity import is_quiet
from edgeboot.events import BytesFetched, BytesHandled, BytesSent, Event, Listener, silent
from edgeboot.printable import printable
from edgeboot.report.events import event_json, event_line


@contextmanager
def listener(output: str) -> Iterator[Listener]:
    """A listener for ``output`` text or jsonl; safe to call from several threads."""
    if output == "jsonl":
        yield _locked(lambda event: click.echo(json.dumps(event_json(event))))
    elif is_quiet():
        yield silent
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _locked(bars)
    else:
        yield _locked(_plain)


def _locked(tell: Listener) -> Listener:
    lock = threading.Lock()

    def safely(event: Event) -> None:
        with lock:
            tell(event)

    return safely


def _plain(event: Event) -> None:
    line = event_line(event)
    if line is not None:
        click.echo(line, err=True)


def _doing(event: BytesSent | BytesFetched | BytesHandled) -> str:
    match event:
        case BytesSent():
            return event.node
        case BytesFetched():
            return "fetching"
        case BytesHandled():
            return event.work


@contextmanager
def _bars() -> Iterator[Listener]:
    console = Console(file=unguarded(sys.stderr), highlight=False)
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[tuple[str, str], TaskID] = {}
    with Progress(*columns, console=console, transient=True) as progress:

        def tell(event: Event) -> None:
            if isinstance(event, BytesSent | BytesFetched | BytesHandled):
                key = (_doing(event), event.name)
                if key not in tasks:
                    name = event.name.rpartition("/")[2]
                    tasks[key] = progress.add_task(printable(f"{key[0]} {name}"), total=event.total)
                going = event.done < event.total
                progress.update(tasks[key], total=event.total, completed=event.done, visible=going)
            line = event_line(event)
            if line is not None:
                console.print(printable(line), markup=False)

        yield tell
