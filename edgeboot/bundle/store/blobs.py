"""A content-addressed cache of blobs; each file is named by its SHA-256.

Blobs are hashed at every use. A file name or size is never trusted.
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
from edgeboot.localio import atomic, bounded, directories, disk_space


def default_root() -> Path:
    """Return ``blobs/sha256`` in edgeboot's cache directory."""
    return directories.cache() / "blobs" / "sha256"


@dataclass(frozen=True)
class StoredBlob(OfBlob):
    """A Source that reads a blob of a store and verifies it while reading."""

    path: Path
    blob: Blob

    def open(self) -> Iterator[bytes]:
        """Yield the bytes; raises StepFailed at the end if they do not match the digest."""
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
                f"removed damaged blob {self.path} from the cache",
                hint="rerun the same command",
            )


class DiskFailed(StepFailed):
    """The local disk is full or failing; every later write would fail too."""

    error_id = "local-disk"


class Store:
    """Blobs in one directory, created when the first blob is added."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Return the path of a blob, whether it exists or not."""
        return self.root / sha256

    def source(self, blob: Blob) -> StoredBlob:
        """Return the source of a blob that was added."""
        return StoredBlob(self.path(blob.sha256), blob)

    def find(self, sha256: str) -> Blob | None:
        """Hash and return the blob with this digest, or None; a damaged blob is removed."""
        path = self.root / sha256
        try:
            found = measure(file_chunks(path))
        except OSError:
            return None
        if found.sha256 != sha256:
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):  # time of last use, for `cache prune`
            os.utime(path)
        return found

    def add(self, chunks: Iterable[bytes], *, expected: str | None = None, what: str) -> Blob:
        """Store bytes atomically.

        Raises Refused, naming ``what``, if they do not have the SHA-256 ``expected``; DiskFailed if
        they cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with atomic.staged(self.root, mode=0o600) as stage:
                blob = measure(_tee(chunks, stage.file.write))
                if expected is not None and blob.sha256 != expected:
                    raise Refused(
                        f"{what} does not have the expected SHA-256: {blob.sha256}, not {expected}",
                        hint="it was damaged or modified in transit; download it again",
                    )
                stage.publish(self.root / blob.sha256)
        except OSError as error:
            raise self.failed(what, error) from error
        except StepFailed as error:
            cause = error.__cause__
            if error.error_id == DiskFailed.error_id and isinstance(cause, OSError):
                raise self.failed(what, cause) from error
            raise  # reading failed, not writing
        return blob

    def failed(self, what: str, error: OSError) -> DiskFailed:
        """Return the error for ``what`` that cannot be stored."""
        return DiskFailed(
            f"cannot store {what} in {self.root}: {error.strerror or error}",
            hint=disk_space.hint(error, "set XDG_CACHE_HOME to a directory on another disk"),
        )


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in chunks; raises OSError."""
    with bounded.opened(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def readable(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file named by the user; raises BadInput if it cannot be read."""
    try:
        yield from file_chunks(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def measure(chunks: Iterable[bytes]) -> Blob:
    """Return the digest and size of bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Blob(digest.hexdigest(), size)


def _tee(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        write(chunk)
        yield chunk
