"""What happened, as values; progress bars, plain lines and JSON lines are drawn from these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class PhaseStarted:
    """A phase of a lifecycle begins; ``nodes`` take part in it."""

    phase: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class PhaseEnded:
    """A phase is over and its gate held (``ok``) or not."""

    phase: str
    ok: bool


@dataclass(frozen=True)
class StepStarted:
    """One step begins on one host."""

    node: str
    step: str


@dataclass(frozen=True)
class StepEnded:
    """One step ended; ``error`` is None if it succeeded. ``seconds`` is wall-clock time."""

    node: str
    step: str
    seconds: float
    error: str | None = None


@dataclass(frozen=True)
class BytesSent:
    """Progress of an upload: ``done`` of ``total`` bytes have been written to the connection."""

    node: str
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class BytesFetched:
    """Progress of a download: ``done`` of ``total`` bytes of ``name`` are here."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class BytesHandled:
    """Progress of work on this machine: ``work`` (hashing, writing …) on ``name``, in bytes."""

    work: str
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Waiting:
    """A gate does not hold yet on a host, and why; it is given up in ``left`` seconds."""

    node: str
    reason: str
    left: float | None = None


@dataclass(frozen=True)
class WaitEnded:
    """What was waited for on a host holds now."""

    node: str


@dataclass(frozen=True)
class WorkStarted:
    """Something other than a step begins on a host: it may take ``limit`` seconds."""

    node: str
    work: str
    limit: float | None = None


@dataclass(frozen=True)
class WorkEnded:
    """The work on a host is over, well or not."""

    node: str


@dataclass(frozen=True)
class Note:
    """Something worth telling that is neither progress nor an error."""

    text: str
    node: str | None = None


Event = (
    PhaseStarted
    | PhaseEnded
    | StepStarted
    | StepEnded
    | BytesSent
    | BytesFetched
    | BytesHandled
    | Waiting
    | WaitEnded
    | WorkStarted
    | WorkEnded
    | Note
)
Listener = Callable[[Event], None]


def silent(_event: Event) -> None:
    """A listener that ignores every event."""
