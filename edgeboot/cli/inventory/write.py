"""Puts a drafted inventory in its place: never over another one unasked, never half."""

from __future__ import annotations

import os
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, text_of
from edgeboot.inventory.load import load


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """``BadInput`` where there is an inventory already; said before any work is done."""
    if path.exists() and not force:
        raise BadInput("there is a file already", where=str(path), hint="--force replaces it")


def write(draft: Draft, path: Path, *, force: bool) -> BadInput | None:
    """Writes the file; what ``inventory check`` has against it, if anything."""
    refuse_to_overwrite(path, force)
    staged = path.with_name(f".{path.name}.new")
    try:
        staged.write_text(text_of(draft), encoding="utf-8")
        if force:
            staged.replace(path)
        else:
            os.link(staged, path)  # unlike a rename, fails where somebody was faster
    except FileExistsError:
        raise BadInput("there is a file already", where=str(path), hint="--force") from None
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        staged.unlink(missing_ok=True)
    try:
        load(path)
    except BadInput as error:
        return error
    return None
