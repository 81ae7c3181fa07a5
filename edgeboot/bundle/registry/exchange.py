"""Single HTTP exchanges with a registry, held to rules that requests does not keep by itself.

Redirects are followed by hand and Authorization never goes to another origin; neither netrc nor
cookies are used; headers and bodies that drip are cut; everything under way can be aborted.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from edgeboot import __version__
from edgeboot.bundle.http.download import MOVED, redirected
from edgeboot.bundle.http.retry import TryAgain, reason
from edgeboot.bundle.http.stream import STALL, flowing
from edgeboot.errors import BadInput, Interrupted, Refused

_CONNECT = 15.0  # seconds
_REDIRECTS = 8


class Body(Protocol):
    """Bytes to send: requests takes the length from ``len`` and asks for pieces."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end."""


@dataclass(frozen=True)
class Response:
    """A status, headers, and a body that can be read once. ``url`` is where redirects led."""

    status: int
    headers: Mapping[str, str]
    url: str
    elsewhere: bool  # another origin than the one that was asked, so no credential was shown
    _response: requests.Response
    _http: Http

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes; raises TryAgain where it breaks off, stalls or drips."""
        return flowing(self._response.raw, self._http.stall, self._http.check)

    def read(self, limit: int) -> bytes:
        """The whole body; Refused where it is longer than ``limit`` bytes."""
        parts, size = [], 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise Refused(f"{self.url} is longer than the {limit} bytes that are allowed")
            parts.append(chunk)
        return b"".join(parts)


class Http:
    """Connections to registries; safe to use from several threads. ``ca_of`` gives CA files."""

    def __init__(self, ca_of: Callable[[str], str | None], stall: float = STALL) -> None:
        self.stall = stall
        self._ca_of = ca_of
        self._live = _Live()
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"edgeboot/{__version__}"
        self._session.headers["Accept-Encoding"] = "identity"
        adapter = _Adapter(self._live, stall)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def sleep(self, seconds: float) -> None:
        """Wait, or raise Interrupted as soon as all is aborted."""
        self._live.aborted.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raises Interrupted once all is aborted."""
        if self._live.aborted.is_set():
            raise Interrupted("the transfer was stopped", hint="run the same command again")

    def abort(self) -> None:
        """End every exchange under way, in whatever thread."""
        self._live.abort()

    @contextmanager
    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        authorization: str | None = None,
        body: Body | bytes | None = None,
    ) -> Iterator[Response]:
        """The answer to a request, after redirects (which only requests without a body follow).

        Raises TryAgain where the network fails, Refused where TLS or a redirect is not safe.
        """
        current, first = url, origin_of(url)
        for _ in range(_REDIRECTS):
            self.check()
            elsewhere = origin_of(current) != first
            sent = dict(headers)
            if authorization is not None and not elsewhere:
                sent["Authorization"] = authorization
            with self._request(method, current, sent, body) as response:
                location = response.headers.get("Location")
                if body is None and response.status_code in MOVED and location:
                    current = redirected(current, location)
                    continue
                yield Response(
                    response.status_code, response.headers, current, elsewhere, response, self
                )
                return
        raise Refused(f"{url} redirects more than {_REDIRECTS} times")

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | bytes | None
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                auth=_unchanged,  # else requests takes what netrc has
                stream=True,
                allow_redirects=False,
                timeout=(_CONNECT, self.stall),
                verify=self._ca_of(url) or True,
            )
        except requests.exceptions.SSLError as error:
            self.check()
            if "EOF" in str(error):  # the peer went away in the middle of a handshake
                raise TryAgain(reason(error)) from error
            host = urlsplit(url).netloc
            raise Refused(
                f"no trustworthy TLS with {host}: {reason(error)}",
                hint=f"name its CA, or that it speaks plain http, for {host} under 'registries'",
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            self.check()
            raise TryAgain(reason(error)) from error
        except (requests.RequestException, OSError, UnicodeError) as error:
            raise BadInput(f"cannot fetch {url}: {reason(error)}") from error


class _Live:
    """Connections that are open, so that all can be cut; one that opens too late is cut at once."""

    def __init__(self) -> None:
        self.aborted = threading.Event()
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()

    def add(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._connections.add(connection)
        if self.aborted.is_set():
            _cut(connection.sock)

    def abort(self) -> None:
        self.aborted.set()
        with self._lock:
            for connection in self._connections:
                _cut(connection.sock)


class _Adapter(HTTPAdapter):
    """Connections that are known while they live, and that limit the time a header takes."""

    def __init__(self, live: _Live, seconds: float) -> None:
        self._classes = _pools(live, seconds)
        super().__init__(pool_connections=16, pool_maxsize=16)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Called by requests."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes


def _pools(live: _Live, seconds: float) -> dict[str, type]:
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
    """Cuts a connection whose headers take longer: each byte would reset a socket's own timeout."""
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
        raise TimeoutError(f"no whole answer within {seconds:.0f} seconds")


def _cut(sock: socket.socket | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def origin_of(url: str) -> tuple[str, str]:
    """Scheme, host and port: what a credential is shown to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
