"""What an inventory says of the host below a node."""

from __future__ import annotations

from dataclasses import dataclass, field

TIMEOUT = 120  # seconds


@dataclass(frozen=True)
class PlacedFile:
    """A file of the operator's for the host; ``secret`` keeps its content out of the plan."""

    dest: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    secret: bool = False


@dataclass(frozen=True)
class Hook:
    """Commands of the operator's. ``stage`` and ``after`` say when, ``timeout`` in seconds."""

    name: str
    stage: str
    after: bool
    script: str = field(repr=False)
    inputs: str = ""  # hash over the files it depends on
    timeout: int = TIMEOUT

    @property
    def when(self) -> str:
        """``before start``."""
        return f"{'after' if self.after else 'before'} {self.stage}"


@dataclass(frozen=True)
class Host:
    """All of it. ``time_floor`` None leaves it to what the host is; ``chosen`` says by whom."""

    board: str | None = None
    swap: str = "keep"
    storage: str | None = None
    firewall: str | None = None  # open; keep closes what edgeboot has opened
    time_servers: tuple[str, ...] = ()
    time_floor: bool | None = None
    files: tuple[PlacedFile, ...] = ()
    hooks: tuple[Hook, ...] = ()
    chosen: str = ""
