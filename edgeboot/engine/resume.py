"""Resuming an interrupted upload from an offset that both sides agree on.

The host's facts include the length and hash of what it kept, so this needs no round trip: the
controller hashes the same length of its own bytes and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeboot.blob import Source
from edgeboot.plan.facts import PartialUpload

BLOCK = 1 << 16  # put.sh seeks in these


def agreed_offset(source: Source, part: PartialUpload | None) -> int:
    """How many bytes the host already has; 0 if its part is not the beginning of this source."""
    if part is None or part.size > source.size:
        return 0
    digest = hashlib.sha256()
    left = part.size
    for chunk in source.open() if left else ():
        digest.update(chunk[:left])
        left -= min(left, len(chunk))
        if not left:
            break
    return part.size // BLOCK * BLOCK if digest.hexdigest() == part.sha256 else 0


@dataclass(frozen=True)
class Rest:
    """The rest of a source after ``offset`` bytes; ``sha256`` is that of the whole source."""

    whole: Source = field(repr=False)
    offset: int

    @property
    def size(self) -> int:
        """Length in bytes of what is left."""
        return self.whole.size - self.offset

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole."""
        return self.whole.sha256

    def open(self) -> Iterator[bytes]:
        """The bytes from the offset on."""
        skip = self.offset
        for chunk in self.whole.open():
            if skip < len(chunk):
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
