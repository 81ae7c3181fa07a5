"""Streams the members of a tar that may be hostile; nothing is ever extracted to a path.

Anything but regular files and directories under safe, distinct names refuses the whole archive,
and so does whatever goes beyond the limits on bytes, members and compression ratio. ``tarfile`` is
not used because it reads extension headers of any announced size into memory.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import zstandard

from edgeboot.blob import CHUNK
from edgeboot.bundle.tar.header import (
    DIRECTORY,
    GNU_LONG_NAME,
    PAX,
    Head,
    fold,
    read_head,
    read_pax,
    safe_name,
    text,
)
from edgeboot.bundle.tar.writer import BLOCK
from edgeboot.errors import BadInput, Refused

_EXTENSION_MAX = 64 << 10
_ZSTD_WINDOW = 128 << 20  # what a decoder may need in memory; K3s itself stops at 32 MiB


@dataclass(frozen=True)
class Limits:
    """Caps on plain bytes, members, and plain bytes for each packed one once past ``free``."""

    total: int = 32 << 30
    members: int = 20_000
    ratio: int = 200
    free: int = 64 << 20


LIMITS = Limits()


@contextmanager
def opened(path: Path, what: str, limits: Limits = LIMITS) -> Iterator[Iterator[Member]]:
    """The members of a tar, plain or compressed with gzip or zstd (told apart by their magic).

    ``what`` names the archive in errors. Iterating raises Refused where the archive breaks a rule
    or is damaged, BadInput where it cannot be read.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise BadInput(f"cannot read {what}: {error.strerror}") from error
    with raw:
        magic = raw.peek(4)[:4]
        stream: _Readable = raw
        if magic[:2] == b"\x1f\x8b":
            stream = gzip.GzipFile(fileobj=raw)
        elif magic == b"\x28\xb5\x2f\xfd":
            decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            stream = decoder.stream_reader(raw, read_across_frames=True)
        yield _members(_Stream(stream, raw.tell, what, limits))


class Member:
    """A regular file: ``name`` without ``./``, ``size`` in bytes, its data once and in order."""

    def __init__(self, name: str, size: int, stream: _Stream) -> None:
        self.name = name
        self.size = size
        self._stream = stream
        self._left = size

    def chunks(self) -> Iterator[bytes]:
        """The data, in pieces."""
        while self._left:
            data = self._stream.take(min(self._left, CHUNK))
            self._left -= len(data)
            yield data

    def read(self, limit: int) -> bytes:
        """All of the data, which may be at most ``limit`` bytes."""
        if self.size > limit:
            raise Refused(f"{self._stream.what}: {self.name} is longer than {limit} bytes")
        return b"".join(self.chunks())


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Stream:
    """The plain bytes of an archive, held to its limits. ``consumed`` tells the packed ones."""

    def __init__(
        self, stream: _Readable, consumed: Callable[[], int], what: str, limits: Limits
    ) -> None:
        self.what = what
        self.limits = limits
        self._stream = stream
        self._consumed = consumed
        self._plain = 0

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        parts = []
        while size:
            data = self._read(size)
            if not data:
                raise Refused(f"{self.what} is cut short")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def skip_padding(self, size: int) -> None:
        """What follows ``size`` bytes of data up to the next block: zeros."""
        if any(self.take(-size % BLOCK)):
            raise Refused(f"{self.what} has data in the padding between its members")

    def finish(self) -> None:
        """Read to the end, so that the decompressor checks its sums and nothing hides there."""
        while data := self._read(CHUNK):
            if any(data):
                raise Refused(f"{self.what} has data after its end")

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise Refused(f"{self.what} is damaged: {error}", hint="fetch it again") from error
        except OSError as error:
            raise BadInput(f"cannot read {self.what}: {error.strerror}") from error
        self._plain += len(data)
        if self._plain > self.limits.total:
            raise Refused(f"{self.what} unpacks to more than {self.limits.total} bytes")
        allowed = max(self.limits.free, self.limits.ratio * self._consumed())
        if self._plain > allowed:
            raise Refused(f"{self.what} unpacks to more than {self.limits.ratio} times its size")
        return data


def _members(stream: _Stream) -> Iterator[Member]:
    names: set[str] = set()
    while (head := _next_head(stream)) is not None:
        name = safe_name(head, stream.what)
        if fold(name) in names:
            raise Refused(
                f"{stream.what} has two members named {name!r}, up to case or Unicode form"
            )
        names.add(fold(name))
        if len(names) > stream.limits.members:
            raise Refused(f"{stream.what} has more than {stream.limits.members} members")
        if head.kind == DIRECTORY:
            if head.size:
                raise Refused(f"{stream.what} has a directory with data, {name!r}")
            continue
        member = Member(name, head.size, stream)
        yield member
        for _ in member.chunks():  # what the consumer left
            pass
        stream.skip_padding(head.size)
    stream.finish()


def _next_head(stream: _Stream) -> Head | None:
    """The next member's header with its long name and size folded in; None at the end."""
    name: str | None = None
    size: int | None = None
    while (block := stream.take(BLOCK)) != bytes(BLOCK):
        head = read_head(block, stream.what)
        if head.kind not in (GNU_LONG_NAME, PAX):
            named = head if name is None else replace(head, name=name)
            return named if size is None else replace(named, size=size)
        if head.size > _EXTENSION_MAX:
            raise Refused(f"{stream.what} has an extension header of {head.size} bytes")
        data = stream.take(head.size)
        stream.skip_padding(head.size)
        if head.kind == GNU_LONG_NAME:
            name = text(data.rstrip(b"\0"), stream.what)
        else:
            pax_name, size = read_pax(data, stream.what)
            name = pax_name if pax_name is not None else name
    if name is not None or size is not None:
        raise Refused(f"{stream.what} is cut short")
    return None
