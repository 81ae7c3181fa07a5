"""The bundle file: a tar whose bytes are fully determined by its table of contents.

The members are ``edgeboot-bundle.json``, then every blob once as ``blobs/sha256/HEX``, sorted, with
normalised headers. A reader computes the position of each blob and the expected bytes of headers
and padding; it never trusts names or sizes in headers. Blobs are read in place with ``pread``, so
a Bundle is safe to use from several threads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from edgeboot.blob import CHUNK, Blob, OfBlob, Source
from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.contents import Contents, ImageArchive
from edgeboot.bundle.format.image_archive import Fetch, compose
from edgeboot.bundle.tar.writer import BLOCK, END, footprint, header, padding
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from edgeboot.events import BytesHandled, Listener, silent
from edgeboot.localio import atomic, bounded, disk_space
from edgeboot.localio.progress import Counted, Tally
from edgeboot.localio.workers import workers

_AGAIN = "copy or build the bundle again"


def write(path: Path, contents: Contents, fetch: Fetch, listener: Listener = silent) -> None:
    """Write a bundle to ``path`` atomically; ``fetch`` returns the source of each blob.

    Raises StepFailed if writing or reading a blob fails.
    """
    table = encoding.encode(contents)
    if len(table) > encoding.MAX_BYTES:
        raise BadInput(f"the bundle's table of contents exceeds {encoding.MAX_BYTES} bytes")
    blobs = encoding.all_blobs(contents)
    size = footprint(len(table)) + sum(footprint(blob.size) for blob in blobs) + len(END)
    disk_space.check(path, size)
    tally = Tally(partial(BytesHandled, "writing", path.name), listener, size)
    with atomic.writing(path) as file:
        file.write(header(encoding.FILE_NAME, len(table)) + table + padding(len(table)))
        for blob in blobs:
            write_blob(file, Counted(fetch(blob), tally))
        file.write(END)


def write_blob(file: BinaryIO, source: Source) -> None:
    """Write a blob as a tar member."""
    name = member_name(Blob(source.sha256, source.size))
    file.write(header(name, source.size))
    file.writelines(source.open())
    file.write(padding(source.size))


class Bundle:
    """An open bundle. Use ``Bundle.open`` and close it, or use it in a ``with`` statement."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.contents = self._read_contents()
        self._offsets = self._check_layout()

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open a bundle, read its contents and verify every byte outside of blobs.

        Raises BadInput if the file cannot be read, Refused with the member's name if it is damaged,
        truncated, malicious or of an unsupported format.
        """
        try:
            descriptor = bounded.descriptor(path)
        except OSError as error:
            hint = "build one with `edgeboot bundle build`, or check the path"
            raise BadInput(f"cannot open the bundle {path}: {error.strerror}", hint=hint) from error
        try:
            return cls(path, descriptor)
        except OSError as error:
            os.close(descriptor)
            raise BadInput(f"cannot read the bundle {path}: {error.strerror}") from error
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def source(self, blob: Blob) -> Source:
        """Return a blob; reading it raises StepFailed at the end if it is damaged."""
        return BundledBlob(self._descriptor, self._offsets[blob.sha256], blob, str(self.path))

    def archive_source(self, archive: ImageArchive) -> Source:
        """Return an image archive, composed while it is read (see ``source``).

        Raises Refused if its size would differ from the table of contents.
        """
        label = f"image archive {archive.name} ({archive.arch})"
        names = set(archive.images)
        images = [i for i in self.contents.images_of(archive.arch) if i.name in names]
        try:
            composition = compose(images, self.source)
        except EdgebootError as error:
            raise self._refused(label, error.what) from error
        if (size := composition.size) != archive.blob.size:
            raise self._refused(label, f"it has {size} bytes, not {archive.blob.size}")
        return _ComposedArchive(archive.blob, composition.stream)

    def verify(self, listener: Listener = silent) -> None:
        """Verify the digest of every blob and every image archive.

        Raises Refused with the names of all damaged members.
        """
        blobs = encoding.all_blobs(self.contents)
        parts = (*blobs, *(archive.blob for archive in self.contents.archives))
        total = sum(blob.size for blob in parts)
        tally = Tally(partial(BytesHandled, "hashing", self.path.name), listener, total)
        with workers(os.cpu_count() or 1) as pool:
            bad = [found for found in pool.map(partial(self._bad_blob, tally), blobs) if found]
            if not bad:  # damaged blobs would damage their archives too
                composed = pool.map(partial(self._bad_archive, tally), self.contents.archives)
                bad = [found for found in composed if found]
        if bad:
            raise Refused(
                f"{self.path} is damaged: {'; '.join(bad)}", hint=_AGAIN, error_id="bundle-damaged"
            )

    def _bad_blob(self, tally: Tally, blob: Blob) -> str | None:
        try:
            for _ in Counted(self.source(blob), tally).open():
                pass
        except StepFailed:
            return self._label(blob)
        return None

    def _bad_archive(self, tally: Tally, archive: ImageArchive) -> str | None:
        digest = hashlib.sha256()
        for chunk in Counted(self.archive_source(archive), tally).open():
            digest.update(chunk)
        if digest.hexdigest() != archive.blob.sha256:
            return f"image archive {archive.name} ({archive.arch}) does not match its digest"
        return None

    def _label(self, blob: Blob) -> str:
        users = [f"{i.role} {i.name}" for i in self.contents.items if i.blob == blob]
        users += [image.name for image in self.contents.images if blob in image.blobs]
        return f"{member_name(blob)} (part of {', '.join(dict.fromkeys(users))})"

    def _read_contents(self) -> Contents:
        name = encoding.FILE_NAME
        block = os.pread(self._descriptor, BLOCK, 0)
        if block[:100].rstrip(b"\0") != name.encode():
            raise Refused(f"{self.path} is not an edgeboot bundle: it does not start with {name}")
        try:
            size = int(block[124:135], 8)
        except ValueError:
            size = -1
        if not 0 < size <= encoding.MAX_BYTES or block != header(name, size):
            raise self._refused(name, "its header is damaged")
        table = os.pread(self._descriptor, size, BLOCK)
        if len(table) < size:
            raise self._refused(name, "it is truncated")
        return encoding.decode(table)

    def _check_layout(self) -> dict[str, int]:
        """Return the offset of each blob; raises Refused if any byte between blobs differs."""
        end = os.fstat(self._descriptor).st_size
        table = len(encoding.encode(self.contents))
        previous, position, gap = encoding.FILE_NAME, BLOCK + table, padding(table)
        offsets: dict[str, int] = {}
        for blob in encoding.all_blobs(self.contents):
            name = member_name(blob)
            self._expect(position, gap, previous, "the bytes after it are damaged", end)
            position += len(gap)
            self._expect(position, header(name, blob.size), name, "its header is damaged", end)
            position += BLOCK
            offsets[blob.sha256] = position
            if position + blob.size > end:
                raise self._refused(name, "it is truncated")
            position += blob.size
            previous, gap = name, padding(blob.size)
        self._expect(position, gap + END, previous, "the bytes after it are damaged", end)
        position += len(gap + END)
        if position != end:
            raise self._refused(previous, f"{end - position} bytes follow the end of the archive")
        return offsets

    def _expect(self, at: int, wanted: bytes, member: str, problem: str, end: int) -> None:
        if at + len(wanted) > end:
            raise self._refused(member, "the file is truncated there")
        if os.pread(self._descriptor, len(wanted), at) != wanted:
            raise self._refused(member, problem)

    def _refused(self, member: str, problem: str) -> Refused:
        return Refused(
            f"{self.path} is damaged at {member}: {problem}", hint=_AGAIN, error_id="bundle-damaged"
        )


@dataclass(frozen=True)
class BundledBlob(OfBlob):
    """A Source that reads a blob in place and verifies it while reading."""

    descriptor: int = field(repr=False)
    offset: int
    blob: Blob
    bundle: str

    def open(self) -> Iterator[bytes]:
        """Yield the bytes; raises StepFailed at the end if they do not match the digest."""
        digest, done = hashlib.sha256(), 0
        while done < self.blob.size:
            wanted = min(CHUNK, self.blob.size - done)
            try:
                chunk = os.pread(self.descriptor, wanted, self.offset + done)
            except OSError as error:
                raise StepFailed(f"cannot read {self.bundle}: {error.strerror}") from error
            if not chunk:
                break
            digest.update(chunk)
            done += len(chunk)
            yield chunk
        if digest.hexdigest() != self.blob.sha256:
            raise StepFailed(f"{self.bundle} is damaged at {member_name(self.blob)}", hint=_AGAIN)


@dataclass(frozen=True)
class _ComposedArchive(OfBlob):
    blob: Blob
    open: Callable[[], Iterator[bytes]]


def member_name(blob: Blob) -> str:
    """Return the name of a blob's member in a bundle."""
    return f"blobs/sha256/{blob.sha256}"
