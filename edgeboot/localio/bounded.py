"""Files that a user names, read whole but only up to a limit."""

from __future__ import annotations

from pathlib import Path

from edgeboot.errors import BadInput, Refused


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file; BadInput if it cannot be read, Refused if it exceeds ``limit`` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise Refused(f"{path} is longer than {limit} bytes, too long for such a file")
    return data
