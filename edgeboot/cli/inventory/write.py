"""Where a drafted inventory goes: into a file, over another one only if told to, or printed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, text_of
from edgeboot.inventory.load import load
from edgeboot.localio import atomic, disk_space

_DEFAULT = Path("inventory.yml")


@dataclass(frozen=True)
class Target:
    """The file to write; with None the inventory is standard output, and the rest is not."""

    path: Path | None
    force: bool

    @classmethod
    def chosen(cls, out: Path | None, output: str | None, *, force: bool) -> Target:
        """By ``--out`` and ``--output``.

        ``BadInput`` if there is an inventory already, or can be none; called before any work.
        """
        if out is None and output is not None:
            return cls(None, force)
        target = out or _DEFAULT
        _refuse_to_overwrite(target, force)
        return cls(target, force)

    def say(self, line: str) -> None:
        """Tells the operator something."""
        click.echo(line, err=self.path is None)

    def write(self, draft: Draft, what: str, *notes: str) -> None:
        """Writes it and says so; raises what `inventory check` finds wrong with the file."""
        text = text_of(draft)
        if self.path is None:
            click.echo(text, nl=False)
            for note in notes:
                self.say(note)
            return
        _refuse_to_overwrite(self.path, self.force)
        atomic.write(self.path, text, overwrite=self.force)
        self.say(f"wrote {self.path}: {what}")
        for note in notes:
            self.say(f"  {note}")
        load(self.path)
        self.say(f"  next: edgeboot inventory check -i {shlex.quote(str(self.path))}")


def _refuse_to_overwrite(path: Path, force: bool) -> None:
    disk_space.check_target(path.absolute())
    if path.exists() and not force:
        raise BadInput("the file exists", where=str(path), hint="add --force to replace it")
