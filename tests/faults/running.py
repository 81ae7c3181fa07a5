"""An install as a process, watched event by event, so that a fault can be made at a point of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.fleet import Fleet

Event = dict[str, Any]


@dataclass
class Running:
    """``edgeboot install --yes --output jsonl`` and the events it has told so far."""

    process: subprocess.Popen[str]
    errors: Path
    events: list[Event] = field(default_factory=list)

    def until(self, kind: str, **fields: object) -> Event:
        """Reads events up to one of a kind; a callable field decides for itself."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: Event = json.loads(line)
            self.events.append(event)
            if event["event"] == kind and all(
                want(event.get(k)) if callable(want) else event.get(k) == want
                for k, want in fields.items()
            ):
                return event
        raise AssertionError(f"no event {kind} {fields}: {self.events[-5:]} {self.said}")

    @property
    def said(self) -> str:
        """What it has printed on standard error."""
        return self.errors.read_text()

    def end(self, timeout: float = 200) -> int:
        """Its exit code; the events up to its end are read."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
        return self.process.wait(timeout)


@contextmanager
def installing(fleet: Fleet, inventory: Path, *words: str) -> Iterator[Running]:
    """A running install that is ended with the block."""
    argv = fleet.argv("install", "-i", inventory, "--yes", "--output", "jsonl", *words)
    errors = fleet.work / "stderr"
    with errors.open("w") as err:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=err, text=True, env=fleet.env
        )
    try:
        yield Running(process, errors)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
