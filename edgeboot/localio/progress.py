"""Counts the bytes of many blobs together, and reports them as they arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edgeboot.blob import Source
from edgeboot.events import Event, Listener


@dataclass
class Tally:
    """Reports ``event(done, total)``; safe to use from several threads."""

    event: Callable[[int, int], Event]
    listener: Listener
    total: int = 0
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrived(self, count: int) -> None:
        """Adds bytes; a negative count takes back discarded ones."""
        with self._lock:
            self.done += count
            self.listener(self.event(min(self.done, self.total), self.total))


@dataclass(frozen=True)
class Counted:
    """A Source that is counted while it is read."""

    inner: Source
    tally: Tally

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.inner.size

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256."""
        return self.inner.sha256

    def open(self) -> Iterator[bytes]:
        """The bytes of the inner source; an attempt that fails does not count."""
        counted = 0
        try:
            for chunk in self.inner.open():
                yield chunk
                counted += len(chunk)
                self.tally.arrived(len(chunk))
            counted = 0
        finally:
            if counted:
                self.tally.arrived(-counted)
