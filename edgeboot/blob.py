"""Bytes named by their digest, and sources of bytes: a bundle and a transport share only these."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

CHUNK = 1 << 18

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Report whether text is a SHA-256 in lower-case hexadecimal."""
    return _SHA256.fullmatch(text) is not None


@dataclass(frozen=True)
class Blob:
    """Bytes named by what they are: lower-case hexadecimal SHA-256, size in bytes."""

    sha256: str
    size: int


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


class OfBlob:
    """The size and digest of a source whose bytes are those of ``blob``."""

    blob: Blob

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.blob.size

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the bytes."""
        return self.blob.sha256


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
