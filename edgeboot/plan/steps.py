"""Steps: the smallest things done to a host. Each describes itself; ``engine.apply`` executes it.

The step that ``edgeboot plan`` prints is the object that ``edgeboot install`` executes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from edgeboot.blob import Source
from edgeboot.plan.cluster import ClusterStep, cluster_step_json
from edgeboot.plan.facts import PartialUpload
from edgeboot.plan.reset.clear import Clear
from edgeboot.plan.resources import Content, KnownAfter
from edgeboot.secret import Secret


@dataclass(frozen=True)
class MakeDirectory:
    """Makes a directory, or gives one its mode."""

    path: str
    mode: int

    def describe(self) -> str:
        """One line for people."""
        return f"directory {self.path} ({self.mode:04o})"


@dataclass(frozen=True)
class Upload:
    """Uploads a large file; ``part`` is what the host has kept of an earlier upload."""

    path: str
    source: Source = field(repr=False)
    mode: int
    replaces: bool
    part: PartialUpload | None = None

    def describe(self) -> str:
        """One line for people."""
        verb = "replace" if self.replaces else "upload"
        if self.part:
            had = f"{human_size(self.part.size)} of {human_size(self.source.size)} already sent"
            return f"{verb} {self.path} ({had})"
        return f"{verb} {self.path} ({human_size(self.source.size)})"


@dataclass(frozen=True)
class Write:
    """Writes a small file; ``old`` is its present text if there is one that may be shown."""

    path: str
    content: Content = field(repr=False)
    mode: int
    replaces: bool
    old: str | None = field(default=None, repr=False)

    def describe(self) -> str:
        """One line for people."""
        verb = "change" if self.replaces else "write"
        suffix = f" {self.content}" if isinstance(self.content, Secret | KnownAfter) else ""
        return f"{verb} {self.path} ({self.mode:04o}){suffix}"

    def details(self) -> tuple[str, ...]:
        """The change, as lines of a unified diff."""
        if isinstance(self.content, Secret | KnownAfter):
            return ()
        new = b"".join(self.content.open()).decode("utf-8", "replace")
        lines = difflib.unified_diff(
            (self.old or "").splitlines(), new.splitlines(), lineterm="", n=1
        )
        return tuple(line for line in lines if not line.startswith(("---", "+++")))


@dataclass(frozen=True)
class Remove:
    """Removes a file that edgeboot wrote and that is no longer wanted."""

    path: str

    def describe(self) -> str:
        """One line for people."""
        return f"remove {self.path}"


@dataclass(frozen=True)
class Start:
    """Enables and starts, or restarts, a service; ``reason`` says why."""

    service: str
    inputs: str  # hash over what it is started with, recorded on the host
    reason: str

    def describe(self) -> str:
        """One line for people."""
        return f"start {self.service}.service ({self.reason})"


@dataclass(frozen=True)
class Run:
    """Runs a packaged snippet; ``shown`` says what it changes, as lines of a diff.

    ``hint`` says what to do if it fails, ``error_id`` names the entry in docs/troubleshooting.md;
    ``deadline`` in seconds for a snippet that waits for something.
    """

    snippet: str
    parameters: tuple[str, ...]
    text: str
    shown: tuple[str, ...] = ()
    hint: str = "fix the problem on the host and rerun; the install resumes here"
    stdin: bytes | None = field(default=None, repr=False)
    deadline: float | None = None
    error_id: str | None = None

    def describe(self) -> str:
        """One line for people."""
        return self.text

    def details(self) -> tuple[str, ...]:
        """What changes, line by line."""
        return self.shown


@dataclass(frozen=True)
class Reboot:
    """Reboots the host, unless it has rebooted since ``boot_id`` was read, and waits for it."""

    boot_id: str
    reason: str

    def describe(self) -> str:
        """One line for people."""
        return f"reboot ({self.reason})"


HostStep = MakeDirectory | Upload | Write | Remove | Start | Run | Reboot | Clear
Step = HostStep | ClusterStep


def human_size(size: int) -> str:
    """A number of bytes for people, in binary units."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.2f} GiB"


def as_json(step: Step) -> dict[str, object]:
    """A step as JSON; secrets stay masked, contents are left out."""
    shape: dict[str, object] = {"step": type(step).__name__.lower(), "text": step.describe()}
    match step:
        case Start():
            shape["service"] = step.service
        case Run() | Reboot():
            pass
        case Clear():
            shape |= {"part": step.part.value, "items": list(step.items)}
        case MakeDirectory() | Upload() | Write() | Remove():
            shape["path"] = step.path
        case _:
            shape |= cluster_step_json(step)
    match step:
        case Upload():
            shape |= {"size": step.source.size, "sha256": step.source.sha256}
        case Write() | Run():
            shape["diff"] = list(step.details())
    return shape
