"""The bundle file: one tar whose every byte follows from its table of contents.

Members are ``edgeboot-bundle.json`` and then ``blobs/sha256/HEX``, each blob once, sorted, with
normalised headers. A reader therefore knows where everything must be and what each header, padding
and end must look like; it never walks an index and never trusts a name or a size in a header.
Blobs are read in place with ``pread``, so a Bundle can be used from several threads.
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
from edgeboot.localio import atomic, disk_space
from edgeboot.localio.progress import Counted, Tally
from edgeboot.localio.workers import workers

_AGAIN = "copy the bundle again, or build it again"


def write(path: Path, contents: Contents, fetch: Fetch, listener: Listener = silent) -> None:
    """Write a bundle to ``path``, whole or not at all; ``fetch`` gives the bytes of its blobs.

    The bytes are a function of ``contents``. Raises StepFailed where the disk or a blob fails.
    """
    table = encoding.encode(contents)
    if len(table) > encoding.MAX_BYTES:
        raise BadInput(f"the bundle's table of contents is over {encoding.MAX_BYTES} bytes")
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
    """Write a blob as a member."""
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
        """Open a bundle: reads its contents and checks every byte that is not a blob's.

        Raises BadInput where there is no such file, Refused naming the member where the file is
        damaged, truncated, hostile or of a format that this edgeboot does not know.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
        """Let the file go."""
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
        """The bytes of a blob; reading raises StepFailed at the end where they are damaged."""
        return BundledBlob(self._descriptor, self._offsets[blob.sha256], blob, str(self.path))

    def archive_source(self, archive: ImageArchive) -> Source:
        """The bytes of an image archive, composed while they are read (see ``source``).

        Raises Refused where the archive would not come out as the contents declare it.
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
        """Read everything: each blob against its digest, each image archive against its own.

        Raises Refused naming every bad member.
        """
        blobs = encoding.all_blobs(self.contents)
        parts = (*blobs, *(archive.blob for archive in self.contents.archives))
        total = sum(blob.size for blob in parts)
        tally = Tally(partial(BytesHandled, "hashing", self.path.name), listener, total)
        with workers(os.cpu_count() or 1) as pool:
            bad = [found for found in pool.map(partial(self._bad_blob, tally), blobs) if found]
            if not bad:  # an archive is only as good as its blobs
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
            return f"image archive {archive.name} ({archive.arch}) differs from what is declared"
        return None

    def _label(self, blob: Blob) -> str:
        users = [f"{i.role} {i.name}" for i in self.contents.items if i.blob == blob]
        users += [image.name for image in self.contents.images if blob in image.blobs]
        return f"{member_name(blob)} (part of {', '.join(dict.fromkeys(users))})"

    def _read_contents(self) -> Contents:
        name = encoding.FILE_NAME
        block = os.pread(self._descriptor, BLOCK, 0)
        if block[:100].rstrip(b"\0") != name.encode():
            raise Refused(f"{self.path} is not an edgeboot bundle: it does not begin with {name}")
        try:
            size = int(block[124:135], 8)
        except ValueError:
            size = -1
        if not 0 < size <= encoding.MAX_BYTES or block != header(name, size):
            raise self._refused(name, "its header is damaged")
        table = os.pread(self._descriptor, size, BLOCK)
        if len(table) < size:
            raise self._refused(name, "it is cut short")
        return encoding.decode(table)

    def _check_layout(self) -> dict[str, int]:
        """Where each blob's data begins; Refused unless all the rest is as it was written."""
        end = os.fstat(self._descriptor).st_size
        table = len(encoding.encode(self.contents))
        previous, position, gap = encoding.FILE_NAME, BLOCK + table, padding(table)
        offsets: dict[str, int] = {}
        for blob in encoding.all_blobs(self.contents):
            name = member_name(blob)
            self._expect(position, gap, previous, "what follows it is damaged", end)
            position += len(gap)
            self._expect(position, header(name, blob.size), name, "its header is damaged", end)
            position += BLOCK
            offsets[blob.sha256] = position
            if position + blob.size > end:
                raise self._refused(name, "it is cut short")
            position += blob.size
            previous, gap = name, padding(blob.size)
        self._expect(position, gap + END, previous, "what follows it is damaged", end)
        position += len(gap + END)
        if position != end:
            raise self._refused(previous, f"{end - position} bytes follow the end of the archive")
        return offsets

    def _expect(self, at: int, wanted: bytes, member: str, problem: str, end: int) -> None:
        if at + len(wanted) > end:
            raise self._refused(member, "the file is cut short there")
        if os.pread(self._descriptor, len(wanted), at) != wanted:
            raise self._refused(member, problem)

    def _refused(self, member: str, problem: str) -> Refused:
        return Refused(
            f"{self.path} is damaged at {member}: {problem}", hint=_AGAIN, error_id="bundle-damaged"
        )


@dataclass(frozen=True)
class BundledBlob(OfBlob):
    """A Source that reads a blob in place and checks it while it is read."""

    descriptor: int = field(repr=False)
    offset: int
    blob: Blob
    bundle: str

    def open(self) -> Iterator[bytes]:
        """The bytes; raises StepFailed after the last one where they are not the blob's."""
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
    """What a blob is called in a bundle."""
    return f"blobs/sha256/{blob.sha256}"
