"""The content-addressed store that builds work in: a cache of blobs, each named by its SHA-256.

A blob is trusted because its bytes hash to its name, at every use, and never because a file of the
right size is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeboot.blob import CHUNK, Blob, OfBlob
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.localio import atomic, directories, disk_space


def default_root() -> Path:
    """``blobs/sha256`` in edgeboot's cache directory."""
    return directories.cache() / "blobs" / "sha256"


@dataclass(frozen=True)
class StoredBlob(OfBlob):
    """A Source that reads a blob of a store and checks it while it is read."""

    path: Path
    blob: Blob

    def open(self) -> Iterator[bytes]:
        """The bytes; raises StepFailed after the last one where they are not the blob's."""
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in file_chunks(self.path):
                digest.update(chunk)
                size += len(chunk)
                yield chunk
        except OSError as error:
            raise StepFailed(f"cannot read {self.path}: {error.strerror}") from error
        if (digest.hexdigest(), size) != (self.blob.sha256, self.blob.size):
            self.path.unlink(missing_ok=True)
            raise StepFailed(
                f"the cached blob {self.path} was damaged and has been removed",
                hint="rerun the same command",
            )


class DiskFailed(StepFailed):
    """The disk does not take what is to be stored; nothing that comes after will fare better."""

    error_id = "local-disk"


class Store:
    """Blobs in one directory, which is made when the first one is added."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Where a blob is, if it is there."""
        return self.root / sha256

    def source(self, blob: Blob) -> StoredBlob:
        """The bytes of a blob that was added."""
        return StoredBlob(self.path(blob.sha256), blob)

    def find(self, sha256: str) -> Blob | None:
        """The blob with this digest, after hashing it; a damaged one is removed and not found."""
        path = self.root / sha256
        try:
            found = measure(file_chunks(path))
        except OSError:
            return None
        if found.sha256 != sha256:
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):  # when it was last used, for `cache prune`
            os.utime(path)
        return found

    def add(self, chunks: Iterable[bytes], *, expected: str | None = None, what: str) -> Blob:
        """Store bytes whole or not at all.

        ``expected`` is the SHA-256 they must have: Refused, naming ``what``, where they do not.
        Raises DiskFailed where the disk does not take them.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with atomic.staged(self.root, mode=0o600) as stage:
                blob = measure(_tee(chunks, stage.file.write))
                if expected is not None and blob.sha256 != expected:
                    raise Refused(
                        f"{what} does not have the expected SHA-256: {blob.sha256}, not {expected}",
                        hint="it was damaged or changed on the way; fetch it again",
                    )
                stage.publish(self.root / blob.sha256)
        except OSError as error:
            raise self.failed(what, error) from error
        except StepFailed as error:
            cause = error.__cause__
            if error.error_id == DiskFailed.error_id and isinstance(cause, OSError):
                raise self.failed(what, cause) from error
            raise  # what is to be stored could not be read
        return blob

    def failed(self, what: str, error: OSError) -> DiskFailed:
        """The error to raise where ``what`` cannot be stored."""
        return DiskFailed(
            f"cannot store {what} in {self.root}: {error.strerror or error}",
            hint=disk_space.hint(error, "set XDG_CACHE_HOME to a directory on another disk"),
        )


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes in pieces; raises OSError."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def readable(path: Path) -> Iterator[bytes]:
    """A file the user named: its bytes; raises BadInput where it cannot be read."""
    try:
        yield from file_chunks(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def measure(chunks: Iterable[bytes]) -> Blob:
    """Digest and size of bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Blob(digest.hexdigest(), size)


def _tee(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        write(chunk)
        yield chunk
