"""Connections that can be cut together, with a time limit for response headers.

Otherwise each byte of a slow header would reset the socket timeout, and Ctrl-C would wait for the
sockets of all threads.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class LiveConnections:
    """The open connections; a connection opened after ``abort`` is cut at once."""

    def __init__(self) -> None:
        self.aborted = threading.Event()
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()

    def add(self, connection: HTTPConnection) -> None:
        """Track a new connection."""
        with self._lock:
            self._connections.add(connection)
        if self.aborted.is_set():
            _cut(connection.sock)

    def abort(self) -> None:
        """Cut all connections, open and future ones."""
        self.aborted.set()
        with self._lock:
            for connection in self._connections:
                _cut(connection.sock)


class Adapter(HTTPAdapter):
    """Opens tracked connections, directly and through proxies."""

    def __init__(self, live: LiveConnections, seconds: float) -> None:
        self._classes = _pools(live, seconds)
        super().__init__(pool_connections=16, pool_maxsize=16)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use the tracked pools (called by requests)."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Use the tracked pools for a proxy (called by requests)."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _pools(live: LiveConnections, seconds: float) -> dict[str, type]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            live.add(self)

        def getresponse(self) -> Any:
            with _at_most(seconds, self.sock):
                return super().getresponse()

    class Tls(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            live.add(self)

        def getresponse(self) -> Any:
            with _at_most(seconds, self.sock):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


@contextmanager
def _at_most(seconds: float, sock: socket.socket | None) -> Iterator[None]:
    """Cut the connection if headers take longer than ``seconds``."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        _cut(sock)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError(f"no complete response within {seconds:.0f} seconds")


def _cut(sock: socket.socket | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
