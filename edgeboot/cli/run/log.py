"""The log of a run: everything it showed and more, for afterwards, under the XDG state directory.

Only its owner can read it. Secrets are no part of events; what the words of hosts and services may
hold (K3s tokens, passwords in URLs, private keys) is masked line by line.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from edgeboot import __version__
from edgeboot.events import BytesSent, Event, Listener, StepStarted
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.kubeconfig.fetch import default_path
from edgeboot.report.events import event_line

KEPT = 20
_SECRETS = (
    re.compile(r"K10[0-9a-f]{64}(::\S*)?"),  # a full token
    re.compile(r"\b[0-9a-f]{32}\b"),  # its short form
    re.compile(r"(?<=://)[^\s/@]+:[^\s/@]+(?=@)"),
    re.compile(r"(?i)(?<=password[=:])\s*\S+|(?<=token[=:])\s*\S+|(?<=secret[=:])\s*\S+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
)


def redacted(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern in _SECRETS:
        text = pattern.sub("<secret>", text)
    return text


class RunLog:
    """One run's log file; safe to write to from several threads."""

    def __init__(self, path: Path, write: Callable[[str], object]) -> None:
        self.path = path
        self._write = write
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Adds lines, each with its time; a full disk here must not leave hosts half done."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        lines = "".join(f"{now} {line}\n" for line in redacted(text).splitlines())
        with self._lock, suppress(OSError, ValueError):
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
    """A log file for this run; where the run fails, its path is shown."""
    directory = default_path(cluster).parent / "logs"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{command}.log"
    _sweep(directory)
    path = directory / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", buffering=1, encoding="utf-8") as file:
        log = RunLog(path, file.write)
        log.write(f"edgeboot {__version__}: {' '.join(sys.argv[1:])}")
        try:
            yield log
        except BaseException as error:
            log.write(f"ended: {type(error).__name__}: {error}")
            click.echo(f"log: {path}", err=True)
            raise
        log.write("ended")


def _sweep(directory: Path) -> None:
    """Room for one more: names sort by time."""
    for old in sorted(directory.glob("*.log"))[: -(KEPT - 1)]:
        old.unlink(missing_ok=True)
