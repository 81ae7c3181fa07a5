"""How bytes get from a bundle to a transport without either knowing the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

CHUNK = 1 << 18


class Source(Protocol):
    """Bytes whose size and SHA-256 are known before they are read."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the bytes."""

    def open(self) -> Iterator[bytes]:
        """The bytes, in order, in chunks of at most a few MiB; may be called again."""


@dataclass(frozen=True)
class BytesSource:
    """A source held in memory: configuration files, units, manifests."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def open(self) -> Iterator[bytes]:
        """The bytes in chunks."""
        for start in range(0, len(self.data), CHUNK):
            yield self.data[start : start + CHUNK]
