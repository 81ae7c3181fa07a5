"""Lists, prunes and verifies the blobs of a store.

The modification time of a blob is the time of its last use.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from edgeboot.blob import is_sha256
from edgeboot.bundle.store.blobs import Store, file_chunks, measure
from edgeboot.errors import StepFailed

DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class CachedBlob:
    """A file of the store.

    ``used`` is in seconds since the epoch; ``leftover`` marks files of interrupted downloads.
    """

    path: Path
    size: int
    used: float
    leftover: bool


def entries(store: Store) -> tuple[CachedBlob, ...]:
    """Return every file in the store, least recently used first."""
    found = []
    try:
        for path in store.root.iterdir() if store.root.is_dir() else ():
            if path.is_file() and not path.is_symlink():
                state = path.stat()
                whole = is_sha256(path.name)
                found.append(CachedBlob(path, state.st_size, state.st_mtime, not whole))
    except OSError as error:
        raise StepFailed(f"cannot read {store.root}: {error.strerror or error}") from error
    return tuple(sorted(found, key=lambda e: (e.used, e.path.name)))


def prune(store: Store, days: float) -> tuple[CachedBlob, ...]:
    """Remove and return blobs that have not been used for ``days``.

    Leftovers are kept for at least one day, because a build may be running.
    """
    now = time.time()
    gone = []
    for entry in entries(store):
        limit = max(days, 1.0) if entry.leftover else days
        if now - entry.used >= limit * DAY:
            remove(entry)
            gone.append(entry)
    return tuple(gone)


def damaged(store: Store) -> tuple[CachedBlob, ...]:
    """Read every blob; return those that do not match their names."""
    return tuple(e for e in entries(store) if not e.leftover and not _is_whole(e.path))


def remove(entry: CachedBlob) -> None:
    """Remove a file from the store; raises StepFailed if that fails."""
    try:
        entry.path.unlink(missing_ok=True)
    except OSError as error:
        raise StepFailed(f"cannot remove {entry.path}: {error.strerror}") from error


def _is_whole(path: Path) -> bool:
    try:
        return measure(file_chunks(path)).sha256 == path.name
    except OSError:
        return False
