"""A blob on its way into a store: kept across runs, hashed as it grows.

The bytes that an earlier run left are hashed anew and never trusted by their number.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgeboot.bundle.contents import Blob
from edgeboot.bundle.store import Store, file_chunks
from edgeboot.errors import StepFailed

SUFFIX = ".partial"


class Partial:
    """The bytes of ``wanted`` that are here. Methods raise OSError."""

    def __init__(self, store: Store, wanted: Blob, file: BinaryIO) -> None:
        self._final = store.root / wanted.sha256
        self._path = path_of(store, wanted)
        self._wanted = wanted
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        for chunk in file_chunks(self._path):
            self._digest.update(chunk)
            self.size += len(chunk)
        if self.size > wanted.size:
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
        """Throw away what is here."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.size = hashlib.sha256(), 0

    def is_whole(self) -> bool:
        """Whether these are exactly the bytes that are wanted."""
        return (self._digest.hexdigest(), self.size) == (self._wanted.sha256, self._wanted.size)

    def keep(self) -> None:
        """Make it a blob of the store."""
        os.fsync(self._file.fileno())
        self._path.replace(self._final)


def path_of(store: Store, wanted: Blob) -> Path:
    """Where a blob grows."""
    return store.root / (wanted.sha256 + SUFFIX)


@contextmanager
def growing(store: Store, wanted: Blob) -> Iterator[Partial | None]:
    """The partial blob, for this process and thread alone; None where another has finished it.

    Raises StepFailed where the disk does not take it.
    """
    path = path_of(store, wanted)
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        with _locked(path) as file:
            if store.find(wanted.sha256) == wanted:
                path.unlink()
                yield None
            else:
                yield Partial(store, wanted, file)
    except OSError as error:
        raise StepFailed(
            f"cannot store a blob in {store.root}: {error.strerror or error}",
            hint="free some space, or point XDG_CACHE_HOME to another disk",
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                same = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                same = False  # whoever held the lock has finished and renamed it
            if same:
                yield file
                return
