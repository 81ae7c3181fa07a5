"""Looking after the store: what is in it, what can go, what is damaged.

A blob is known by its hash alone; its time of change says when a build last used it.
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
    """A file of the store. ``used`` in seconds since 1970; a leftover is no whole blob."""

    path: Path
    size: int
    used: float
    leftover: bool


def entries(store: Store) -> tuple[CachedBlob, ...]:
    """Everything in the store, what was used longest ago first."""
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
    """Remove blobs that no build has used for ``days``; returns them.

    What interrupted builds left goes after a day, for a build may be at work just now.
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
    """The blobs whose bytes do not hash to their names, after reading all of them."""
    return tuple(e for e in entries(store) if not e.leftover and not _is_whole(e.path))


def remove(entry: CachedBlob) -> None:
    """Remove a file of the store."""
    try:
        entry.path.unlink(missing_ok=True)
    except OSError as error:
        raise StepFailed(f"cannot remove {entry.path}: {error.strerror}") from error


def _is_whole(path: Path) -> bool:
    try:
        return measure(file_chunks(path)).sha256 == path.name
    except OSError:
        return False  # what cannot be read is of no use
