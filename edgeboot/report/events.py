"""Events as plain lines and as JSON lines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgeboot.events import (
    BytesFetched,
    BytesHandled,
    BytesSent,
    Event,
    Note,
    PhaseEnded,
    PhaseStarted,
    StepEnded,
    StepStarted,
    WaitEnded,
    Waiting,
    WorkEnded,
    WorkStarted,
)
from edgeboot.report.names import names


def event_line(event: Event) -> str | None:
    """One line for people; None for events that only a progress bar shows."""
    match event:
        case PhaseStarted():
            return f"{event.phase}: {names(event.nodes)}" if event.nodes else None
        case PhaseEnded():
            return None if event.ok else f"{event.phase}: failed"
        case StepStarted() | BytesSent() | BytesFetched() | BytesHandled():
            return None
        case WaitEnded() | WorkStarted() | WorkEnded():
            return None
        case StepEnded():
            end = f"FAILED: {event.error}" if event.error else f"{event.seconds:.1f} s"
            return f"  {event.node}: {event.step}: {end}"
        case Waiting():
            return f"  {event.node}: waiting: {event.reason}"
        case Note():
            return f"  {event.node}: {event.text}" if event.node else event.text


def event_json(event: Event) -> dict[str, Any]:
    """The event for programs: its kind and its fields."""
    return {"event": type(event).__name__, **asdict(event)}
