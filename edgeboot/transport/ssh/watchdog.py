"""Ends the connection if the peer falls silent or a call exceeds its time limit.

Neither paramiko's keepalive nor its timeouts do: the first counts no misses, the second do not
cover writing, opening a channel or starting a command. Closing the connection makes every blocked
call return. Two threads, since asking for a sign of life can itself block on a stuck connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from edgeboot.transport.ssh.algorithms import WatchedTransport

_ASKS = 4  # signs of life asked for within the silence allowed


class Watchdog:
    """Watches one transport from its connection to its end; ``end`` closes what it runs through."""

    def __init__(
        self, transport: WatchedTransport, silence: float, end: Callable[[], None]
    ) -> None:
        self.reason: str | None = None
        self._transport = transport
        self._silence = silence
        self._end = end
        self._stop = threading.Event()
        self._bounds: dict[object, tuple[float, str]] = {}
        self._lock = threading.Lock()
        for work in (self._watch, self._ask):
            threading.Thread(target=work, name=f"edgeboot-{work.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Ends both threads."""
        self._stop.set()

    @contextmanager
    def bound(self, seconds: float, reason: str) -> Iterator[None]:
        """Ends the connection for ``reason`` unless the block is left in time."""
        token = object()
        with self._lock:
            self._bounds[token] = (time.monotonic() + seconds, reason)
        try:
            yield
        finally:
            with self._lock:
                del self._bounds[token]

    def _watch(self) -> None:
        while not self._stop.wait(min(0.5, self._silence / 10)):
            now = time.monotonic()
            with self._lock:
                over = [reason for at, reason in self._bounds.values() if now > at]
            if now - self._transport.heard > self._silence:
                over.append(f"sent nothing for {self._silence:g} s")
            if over:
                self.reason = over[0]
                self._stop.set()
                self._end()

    def _ask(self) -> None:
        """OpenSSH answers a request it does not know, too: with a failure."""
        pause = self._silence / _ASKS
        while not self._stop.wait(pause):
            if time.monotonic() - self._transport.heard < pause / 2:
                continue
            try:
                self._transport.ask_for_a_sign_of_life()
            except (paramiko.SSHException, OSError, EOFError):
                return  # the connection is gone; its user gets the error
