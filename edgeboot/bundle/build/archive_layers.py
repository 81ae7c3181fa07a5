"""The layers of a docker-archive: plain tar from ``docker save``, or compressed by other tools."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from edgeboot.blob import CHUNK, Blob
from edgeboot.bundle.oci import documents
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import Refused

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 128 << 20
_RATIO, _FREE = 200, 64 << 20  # the bounds that ``untar`` sets for whole archives


@dataclass(frozen=True)
class Layer:
    """A compressed layer in a store."""

    blob: Blob
    media_type: str


def layer_of(file: Blob, diff_id: str, store: Store, what: str) -> Layer | None:
    """Return the layer in a member of an archive; None if its content is not ``diff_id``.

    A plain layer is compressed and a compressed one kept. ``what`` names the archive in errors.
    """
    if file.sha256 == diff_id:
        packed = _packed(store.source(file).open())
        return Layer(store.add(packed, what=f"a layer of {what}"), documents.LAYER_GZIP)
    magic = next(iter(store.source(file).open()), b"")[:4]
    if magic[:2] == _GZIP:
        media_type = documents.LAYER_GZIP
    elif magic == _ZSTD:
        media_type = documents.LAYER_ZSTD
    else:
        return None
    return Layer(file, media_type) if _unpacked(file, store, what) == diff_id else None


def _unpacked(file: Blob, store: Store, what: str) -> str:
    """Return the SHA-256 of a compressed layer's content."""
    raw = io.BufferedReader(_Chunks(store.source(file).open()))
    digest, size, limit = hashlib.sha256(), 0, max(_FREE, _RATIO * file.size)
    try:
        stream: io.BufferedIOBase | zstandard.ZstdDecompressionReader
        if raw.peek(2)[:2] == _GZIP:
            stream = gzip.GzipFile(fileobj=raw)
        else:
            decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            stream = decoder.stream_reader(raw, read_across_frames=True)
        while data := stream.read(CHUNK):
            size += len(data)
            if size > limit:
                raise Refused(f"a layer of {what} unpacks to more than {_RATIO} times its size")
            digest.update(data)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Refused(f"a layer of {what} is damaged: {error}", hint="save it again") from error
    return digest.hexdigest()


class _Chunks(io.RawIOBase):
    """Reads chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        """Report that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes; returns 0 at the end."""
        self._left = self._left or next(self._chunks, b"")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress bytes reproducibly: zlib's gzip header has no time and no name."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
