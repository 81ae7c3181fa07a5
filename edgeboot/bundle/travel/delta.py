"""Deltas between bundles.

A delta is a reproducible tar of ``edgeboot-delta.json`` (which names the old bundle), the new
bundle's table of contents, and the blobs that the old bundle lacks. A bundle is determined by its
contents and blobs, so applying a delta yields the new bundle byte for byte.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgeboot import json_document
from edgeboot.blob import Blob, Source
from edgeboot.bundle.format import archive, encoding
from edgeboot.bundle.format.archive import Bundle, BundledBlob
from edgeboot.bundle.format.contents import Contents
from edgeboot.bundle.tar.writer import BLOCK, END, header, padding
from edgeboot.errors import BadInput, Refused
from edgeboot.events import BytesHandled, Listener, silent
from edgeboot.localio import atomic, bounded, disk_space
from edgeboot.localio.progress import Counted, Tally

FILE_NAME = "edgeboot-delta.json"
_FORMAT = 1
_HEAD_MAX = 4096


@dataclass(frozen=True)
class Delta:
    """An open delta; ``blobs_at`` is the offset of its first blob."""

    path: Path
    base: str  # SHA-256 of the old bundle's contents
    base_name: str
    contents: Contents  # of the new bundle
    descriptor: int
    blobs_at: int


def contents_digest(contents: Contents) -> str:
    """Return the SHA-256 of a table of contents, which identifies a bundle."""
    return hashlib.sha256(encoding.encode(contents)).hexdigest()


def added(old: Contents, new: Contents) -> tuple[Blob, ...]:
    """Return the blobs that ``new`` has and ``old`` lacks, in bundle order."""
    known = set(encoding.all_blobs(old))
    return tuple(blob for blob in encoding.all_blobs(new) if blob not in known)


def make(old: Bundle, new: Bundle, output: Path, listener: Listener = silent) -> None:
    """Write the delta from ``old`` to ``new`` atomically."""
    blobs = added(old.contents, new.contents)
    total = sum(blob.size for blob in blobs)
    disk_space.check_target(output)
    disk_space.check(output, total)
    tally = Tally(partial(BytesHandled, "writing", output.name), listener, total)
    table = encoding.encode(new.contents)
    base_name = f"{old.contents.name} (K3s {old.contents.k3s_version})"
    head = _head(contents_digest(old.contents), base_name, table)
    with atomic.writing(output) as file:
        for name, data in ((FILE_NAME, head), (encoding.FILE_NAME, table)):
            file.write(header(name, len(data)) + data + padding(len(data)))
        for blob in blobs:
            archive.write_blob(file, Counted(new.source(blob), tally))
        file.write(END)


def apply(old: Bundle, delta: Delta, output: Path, listener: Listener = silent) -> None:
    """Write the new bundle to ``output``; raises Refused if ``old`` is not the delta's base."""
    disk_space.check_target(output)
    if contents_digest(old.contents) != delta.base:
        raise Refused(
            f"{delta.path} does not apply to {old.path}; it was made from {delta.base_name}",
            hint="apply it to the bundle it was made from",
        )
    blobs = _located(delta, added(old.contents, delta.contents))

    def fetch(blob: Blob) -> Source:
        return blobs[blob.sha256] if blob.sha256 in blobs else old.source(blob)

    archive.write(output, delta.contents, fetch, listener)


def _head(base: str, base_name: str, table: bytes) -> bytes:
    """Return the first member; its ``sha256`` covers itself and the contents that follow."""
    document = {"format": _FORMAT, "base": base, "base_name": base_name}
    digest = hashlib.sha256(json_document.canonical(document) + table).hexdigest()
    return json_document.canonical({**document, "sha256": digest})


@contextmanager
def opened(path: Path) -> Iterator[Delta]:
    """Open a delta; raises Refused with the member's name if it is damaged or not a delta."""
    try:
        descriptor = bounded.descriptor(path)
    except OSError as error:
        raise BadInput(f"cannot open the delta {path}: {error.strerror}") from error
    try:
        yield _read(path, descriptor)
    except OSError as error:
        raise BadInput(f"cannot read the delta {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _read(path: Path, descriptor: int) -> Delta:
    raw, position = _document(path, descriptor, FILE_NAME, 0, _HEAD_MAX)
    head = json_document.parse(raw, FILE_NAME)
    head.only(("format", "base", "base_name", "sha256"))
    if head.member("format").value != _FORMAT:
        raise head.bad("has a format that this edgeboot does not support")
    base, base_name = head.member("base").hexdigest(), head.member("base_name").text()
    name = encoding.FILE_NAME
    table, position = _document(path, descriptor, name, position, encoding.MAX_BYTES)
    if _head(base, base_name, table) != raw:
        raise _damaged(path, f"{FILE_NAME} or {name}")
    return Delta(path, base, base_name, encoding.decode(table), descriptor, position)


def _document(
    path: Path, descriptor: int, name: str, position: int, limit: int
) -> tuple[bytes, int]:
    """Return the member at ``position`` and the position of the next one."""
    block = os.pread(descriptor, BLOCK, position)
    digits = block[124:135]
    size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else -1
    if not 0 < size <= limit or block != header(name, size):
        if position == 0:
            raise Refused(
                f"{path} is not a delta, or is damaged at {name}",
                hint="copy it again, or make it with `edgeboot bundle delta`",
            )
        raise _damaged(path, name)
    data = os.pread(descriptor, size + len(padding(size)), position + BLOCK)
    if len(data) != size + len(padding(size)) or data[size:] != padding(size):
        raise _damaged(path, name)
    return data[:size], position + BLOCK + len(data)


def _located(delta: Delta, blobs: tuple[Blob, ...]) -> dict[str, BundledBlob]:
    """Locate each blob; raises Refused if any byte between blobs differs."""
    found: dict[str, BundledBlob] = {}
    position, gap, previous = delta.blobs_at, b"", encoding.FILE_NAME
    for blob in blobs:
        name = archive.member_name(blob)
        wanted = gap + header(name, blob.size)
        _expect(delta, position, wanted, f"{previous} or {name}" if gap else name)
        position += len(wanted)
        found[blob.sha256] = BundledBlob(delta.descriptor, position, blob, str(delta.path))
        position, gap, previous = position + blob.size, padding(blob.size), name
    _expect(delta, position, gap + END, previous)
    if os.fstat(delta.descriptor).st_size != position + len(gap + END):
        raise _damaged(delta.path, "its end")
    return found


def _expect(delta: Delta, position: int, wanted: bytes, member: str) -> None:
    if os.pread(delta.descriptor, len(wanted), position) != wanted:
        raise _damaged(delta.path, member)


def _damaged(path: Path, member: str) -> Refused:
    hint = "copy or make the delta again"
    return Refused(f"{path} is damaged at {member}", hint=hint, error_id="bundle-damaged")
