"""Puts a drafted inventory in its place: never over another one unasked, never half."""

from __future__ import annotations

from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, text_of
from edgeboot.inventory.load import load
from edgeboot.localio import atomic


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """``BadInput`` where there is an inventory already; said before any work is done."""
    if path.exists() and not force:
        raise BadInput("there is a file already", where=str(path), hint="--force replaces it")


def write(draft: Draft, path: Path, *, force: bool) -> BadInput | None:
    """Writes the file; what ``inventory check`` has against it, if anything."""
    refuse_to_overwrite(path, force)
    atomic.write(path, text_of(draft), overwrite=force)
    try:
        load(path)
    except BadInput as error:
        return error
    return None
