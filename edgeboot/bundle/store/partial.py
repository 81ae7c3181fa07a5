"""Partially downloaded blobs: kept between runs and hashed while they grow.

Bytes from an earlier run are hashed again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgeboot.bundle.store.blobs import Store, file_chunks
from edgeboot.localio import atomic

SUFFIX = ".partial"


class Partial:
    """The received bytes of a blob, at most ``limit``. Methods raise OSError."""

    def __init__(self, store: Store, sha256: str, limit: int, file: BinaryIO) -> None:
        self._final = store.root / sha256
        self._path = path_of(store, sha256)
        self._sha256 = sha256
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        for chunk in file_chunks(self._path):
            self._digest.update(chunk)
            self.size += len(chunk)
        if self.size > limit:
            self.reset()
        self._file.seek(self.size)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._digest.update(data)
        self.size += len(data)

    def reset(self) -> None:
        """Discard all received bytes."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.size = hashlib.sha256(), 0

    def discard(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """SHA-256 of the received bytes, in hexadecimal."""
        return self._digest.hexdigest()

    def is_whole(self) -> bool:
        """Report whether the received bytes are the complete blob."""
        return self._digest.hexdigest() == self._sha256

    def keep(self) -> None:
        """Sync the file and move it to its place in the store."""
        os.fsync(self._file.fileno())
        atomic.move(self._path, self._final)


def path_of(store: Store, sha256: str) -> Path:
    """Return the path of a partial blob."""
    return store.root / (sha256 + SUFFIX)


@contextmanager
def growing(
    store: Store, sha256: str, limit: int, size: int | None = None
) -> Iterator[Partial | None]:
    """Open and lock a partial blob; None if the store has the complete blob.

    ``size`` is its size in bytes, if known; ``limit`` is the maximum. Raises DiskFailed if it
    cannot be written.
    """
    path = path_of(store, sha256)
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        with _locked(path) as file:
            there = store.find(sha256)
            if there is not None and size in (None, there.size):
                path.unlink()
                yield None
            else:
                yield Partial(store, sha256, limit, file)
    except OSError as error:
        raise store.failed("a blob", error) from error


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                same = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                same = False  # the previous holder has completed and renamed it
            if same:
                yield file
                return
