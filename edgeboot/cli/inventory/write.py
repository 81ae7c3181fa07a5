"""Writes a drafted inventory: atomically, and over another one only if told to."""

from __future__ import annotations

from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, text_of
from edgeboot.inventory.load import load
from edgeboot.localio import atomic, disk_space


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """``BadInput`` if there is an inventory already, or can be none; checked before any work."""
    disk_space.check_target(path.absolute())
    if path.exists() and not force:
        raise BadInput("the file exists", where=str(path), hint="add --force to replace it")


def write(draft: Draft, path: Path, *, force: bool) -> BadInput | None:
    """Writes the file; returns what `inventory check` finds wrong with it, if anything."""
    refuse_to_overwrite(path, force)
    atomic.write(path, text_of(draft), overwrite=force)
    try:
        load(path)
    except BadInput as error:
        return error
    return None
