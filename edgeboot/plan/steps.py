"""Steps: the smallest things done to a host. Each describes itself; ``engine.apply`` executes it.

The step that ``edgeboot plan`` prints is the object that ``edgeboot install`` executes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from edgeboot.blob import Source
from edgeboot.plan.facts import PartialUpload
from edgeboot.plan.reset.clear import Clear, Forget
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
    """Puts a large file at its place; ``part`` is what the host has of it since a former try."""

    path: str
    source: Source = field(repr=False)
    mode: int
    replaces: bool
    part: PartialUpload | None = None

    def describe(self) -> str:
        """One line for people."""
        verb = "replace" if self.replaces else "upload"
        if self.part:
            had = f"{human_size(self.part.size)} of {human_size(self.source.size)} are there"
            return f"{verb} {self.path} ({had})"
        return f"{verb} {self.path} ({human_size(self.source.size)})"


@dataclass(frozen=True)
class Write:
    """Writes a small file; ``old`` is its present text where it has one that may be shown."""

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
        """The difference between what is there and what will be, as lines of a unified diff."""
        if isinstance(self.content, Secret | KnownAfter):
            return ()
        new = b"".join(self.content.open()).decode("utf-8", "replace")
        lines = difflib.unified_diff(
            (self.old or "").splitlines(), new.splitlines(), lineterm="", n=1
        )
        return tuple(line for line in lines if not line.startswith(("---", "+++")))


@dataclass(frozen=True)
class Remove:
    """Removes a file that edgeboot has put there and that nothing asks for any more."""

    path: str

    def describe(self) -> str:
        """One line for people."""
        return f"remove {self.path}"


@dataclass(frozen=True)
class Start:
    """Enables and starts a service; ``reason`` says why it does not do to leave it alone."""

    service: str
    inputs: str  # hash over what it is started with, recorded on the host
    reason: str

    def describe(self) -> str:
        """One line for people."""
        return f"start {self.service}.service ({self.reason})"


@dataclass(frozen=True)
class Run:
    """Carries out a packaged snippet; ``shown`` says what it changes, as lines of a diff.

    ``hint`` says what to do where it fails, ``error_id`` where documents say more; ``deadline`` in
    seconds where it waits for something.
    """

    snippet: str
    parameters: tuple[str, ...]
    text: str
    shown: tuple[str, ...] = ()
    hint: str = "mend the cause on the host and run the same command again; it goes on from here"
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
    """Boots the host anew unless it has been since ``boot_id`` was read, and waits for it."""

    boot_id: str
    reason: str

    def describe(self) -> str:
        """One line for people."""
        return f"reboot ({self.reason})"


Step = MakeDirectory | Upload | Write | Remove | Start | Run | Reboot | Clear | Forget


def human_size(size: int) -> str:
    """A number of bytes for people, in binary units."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.2f} GiB"


def as_json(step: Step) -> dict[str, object]:
    """A step for machines; secrets stay masked, contents are left out."""
    shape: dict[str, object] = {"step": type(step).__name__.lower(), "text": step.describe()}
    match step:
        case Start():
            shape["service"] = step.service
        case Run() | Reboot():
            pass
        case Clear():
            shape |= {"part": step.part.value, "items": list(step.items)}
        case Forget():
            shape["nodes"] = list(step.nodes)
        case _:
            shape["path"] = step.path
    match step:
        case Upload():
            shape |= {"size": step.source.size, "sha256": step.source.sha256}
        case Write() | Run():
            shape["diff"] = list(step.details())
    return shape
