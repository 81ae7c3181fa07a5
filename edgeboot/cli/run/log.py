"""The log of a run: what it showed and more, kept for afterwards in edgeboot's state directory.

Only its owner can read it. Events hold no secrets; what hosts and services said is redacted. A log
that cannot be written is reported once and stops nothing: hosts are not left half done for it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from edgeboot import __version__
from edgeboot.errors import EdgebootError
from edgeboot.events import BytesSent, Event, Listener, StepStarted
from edgeboot.inventory.model import Cluster
from edgeboot.localio import directories, disk_space
from edgeboot.printable import printable
from edgeboot.report.events import event_line
from edgeboot.secret import redacted

KEPT = 20


class RunLog:
    """One run's log; safe to write to from several threads."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Adds lines, each with its time."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        lines = "".join(f"{now} {line}\n" for line in printable(redacted(text)).splitlines())
        with self._lock:
            self._write(lines)

    def listening(self, tell: Listener) -> Listener:
        """A listener that logs and passes on."""

        def both(event: Event) -> None:
            if isinstance(event, StepStarted):
                self.write(f"  {event.node}: {event.step}: begun")
            elif not isinstance(event, BytesSent) and (line := event_line(event)):
                self.write(line)
            tell(event)

        return both


@contextmanager
def logged(cluster: Cluster, command: str) -> Iterator[RunLog]:
    """A log file for this run; if the run fails, its path is shown."""
    try:
        path = _new_file(directories.state() / cluster.name / "logs", command)
    except EdgebootError as error:
        _warn(f"this run has no log: {error.what}")
        yield RunLog(lambda _lines: None)
        return
    with _appending(path) as log:
        log.write(f"edgeboot {__version__}: {' '.join(sys.argv[1:])}")
        try:
            yield log
        except BaseException as error:
            log.write(f"ended: {type(error).__name__}: {error}")
            click.echo(f"log: {path}", err=True)
            raise
        log.write("ended")


def _new_file(directory: Path, command: str) -> Path:
    """An empty log file among the newest ``KEPT``; ``StepFailed`` where the disk fails."""
    directories.made(directory)
    path = directory / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{command}.log"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for old in sorted(directory.glob("*.log"))[:-KEPT]:  # names sort by time
            old.unlink(missing_ok=True)
    except OSError as error:
        raise disk_space.failed(path, error) from error
    return path


@contextmanager
def _appending(path: Path) -> Iterator[RunLog]:
    """A log that warns about the first line that is lost."""
    lost = False
    file = path.open("a", buffering=1, encoding="utf-8")

    def write(lines: str) -> None:
        nonlocal lost
        try:
            file.write(lines)
        except OSError as error:
            if not lost:
                _warn(f"the log of this run is incomplete: {disk_space.failed(path, error).what}")
            lost = True
        except ValueError:
            return  # closed: a worker that outlives the run

    try:
        yield RunLog(write)
    finally:
        with suppress(OSError):
            file.close()


def _warn(what: str) -> None:
    click.echo(f"warning: {what}", err=True)
