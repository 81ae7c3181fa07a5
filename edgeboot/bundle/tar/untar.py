"""Streams the members of an untrusted tar archive without extracting to paths.

The whole archive is refused if a member is not a regular file or directory (or a link inside the
archive, where the caller allows it), if a name is unsafe or duplicate, or if a limit on bytes,
members or compression ratio is exceeded. ``tarfile`` is not used because it reads extension headers
of any declared size into memory.
"""

from __future__ import annotations

import gzip
import os
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
    EXTENSIONS,
    GNU_LONG_NAME,
    LINKS,
    PAX,
    Extension,
    Head,
    fold,
    link_target,
    read_head,
    read_pax,
    safe_name,
    text,
)
from edgeboot.bundle.tar.writer import BLOCK
from edgeboot.errors import BadInput, Refused
from edgeboot.localio import bounded

_EXTENSION_MAX = 64 << 10
_ZSTD_WINDOW = 128 << 20  # decoder memory in bytes; K3s itself uses at most 32 MiB


@dataclass(frozen=True)
class Limits:
    """Limits of an archive.

    ``total`` is in uncompressed bytes. ``ratio`` is uncompressed to compressed bytes; it applies
    after the first ``free`` uncompressed bytes.
    """

    total: int = 32 << 30
    members: int = 20_000
    ratio: int = 200
    free: int = 64 << 20


LIMITS = Limits()


@contextmanager
def opened(
    path: Path, what: str, limits: Limits = LIMITS, *, links: bool = False
) -> Iterator[Iterator[Member]]:
    """Iterate over the members of a tar: plain, gzip or zstd, detected by magic number.

    ``what`` names the archive in errors. With ``links``, links are members without data. Iterating
    raises Refused if the archive is damaged or violates a rule, BadInput if it cannot be read.
    """
    try:
        raw = os.fdopen(bounded.descriptor(path), "rb")
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
        yield _members(_Stream(stream, raw.tell, what, limits), links)


class Member:
    """A regular file: ``name`` without ``./``, ``size`` in bytes; its data can be read once.

    ``link`` is the name of the member that a link refers to; it may not exist.
    """

    def __init__(self, name: str, size: int, stream: _Stream, link: str | None = None) -> None:
        self.name = name
        self.size = size
        self.link = link
        self._stream = stream
        self._left = size

    def chunks(self) -> Iterator[bytes]:
        """Yield the data in chunks."""
        while self._left:
            data = self._stream.take(min(self._left, CHUNK))
            self._left -= len(data)
            yield data

    def read(self, limit: int) -> bytes:
        """Return the data; raises Refused if it is longer than ``limit`` bytes."""
        if self.size > limit:
            raise Refused(
                f"{self._stream.what}: {self.name} is longer than the limit of {limit} bytes"
            )
        return b"".join(self.chunks())


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Stream:
    """The uncompressed bytes of an archive, within limits; ``consumed`` counts compressed bytes."""

    def __init__(
        self, stream: _Readable, consumed: Callable[[], int], what: str, limits: Limits
    ) -> None:
        self.what = what
        self.limits = limits
        self._stream = stream
        self._consumed = consumed
        self._plain = 0

    def take(self, size: int) -> bytes:
        """Return exactly ``size`` bytes."""
        parts = []
        while size:
            data = self._read(size)
            if not data:
                raise Refused(f"{self.what} is truncated")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def skip_padding(self, size: int) -> None:
        """Skip the zeros after ``size`` bytes of data, up to the next block."""
        if any(self.take(-size % BLOCK)):
            raise Refused(f"{self.what} has data in the padding between its members")

    def finish(self) -> None:
        """Read to the end: verifies the compression checksum and refuses trailing data."""
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


def _members(stream: _Stream, links: bool) -> Iterator[Member]:
    names: set[str] = set()
    while (head := _next_head(stream, links)) is not None:
        name = safe_name(head, stream.what)
        if fold(name) in names:
            raise Refused(
                f"{stream.what} has two members named {name!r}, ignoring case and Unicode form"
            )
        names.add(fold(name))
        if len(names) > stream.limits.members:
            raise Refused(f"{stream.what} has more than {stream.limits.members} members")
        if head.kind == DIRECTORY:
            if head.size:
                raise Refused(f"{stream.what} has a directory with data, {name!r}")
            continue
        link = link_target(head, name, stream.what) if head.kind in LINKS else None
        member = Member(name, head.size, stream, link)
        yield member
        for _ in member.chunks():  # data that the caller did not read
            pass
        stream.skip_padding(head.size)
    stream.finish()


def _next_head(stream: _Stream, links: bool) -> Head | None:
    """Return the next header, with extension headers applied; None at the end."""
    given = Extension()
    while (block := stream.take(BLOCK)) != bytes(BLOCK):
        head = read_head(block, stream.what, links=links)
        if head.kind not in EXTENSIONS:
            name = head.name if given.name is None else given.name
            if head.kind in LINKS:
                return replace(head, name=name, link=given.link or head.link)
            if given.link is not None:
                raise Refused(f"{stream.what} has a link target for {name!r}, which is not a link")
            return replace(head, name=name, size=head.size if given.size is None else given.size)
        if head.size > _EXTENSION_MAX:
            raise Refused(f"{stream.what} has an extension header of {head.size} bytes")
        data = stream.take(head.size)
        stream.skip_padding(head.size)
        given = _extension(head.kind, data, stream.what).over(given)
    if given != Extension():
        raise Refused(f"{stream.what} is truncated")
    return None


def _extension(kind: bytes, data: bytes, what: str) -> Extension:
    if kind == PAX:
        return read_pax(data, what)
    named = text(data.rstrip(b"\0"), what)
    return Extension(name=named) if kind == GNU_LONG_NAME else Extension(link=named)
