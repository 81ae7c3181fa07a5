"""The HTTP client: single requests, with stricter rules than the library ``requests``.

Redirects are followed here, with Authorization decided for each URL; netrc and cookies are not
used; headers and bodies that arrive too slowly are cut off; running requests can be aborted.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from urllib.parse import urlsplit

import requests

from edgeboot import __version__
from edgeboot.bundle.http.connections import Adapter, LiveConnections
from edgeboot.bundle.http.retry import STATUSES, TryAgain, reason, retry_after
from edgeboot.bundle.http.stream import STALL, flowing
from edgeboot.bundle.http.urls import origin_of, redirected
from edgeboot.errors import BadInput, Interrupted, Refused

_CONNECT = 15.0  # seconds
_REDIRECTS = 8
_MOVED = {301, 302, 303, 307, 308}
_TLS_HINT = "add its CA to this machine's trust store, or set REQUESTS_CA_BUNDLE to a file with it"

_HINT = "check the address, and any proxy in between, then rerun the same command"

Authorize = Callable[[str], str | None]  # the Authorization header for a URL, or None


class Missing(BadInput):
    """The server has no such file."""


class Body(Protocol):
    """A request body; requests takes its length from ``len`` and reads it in chunks."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; empty at the end."""


@dataclass(frozen=True)
class Response:
    """A response whose body can be read once; ``url`` is the final URL after redirects."""

    status: int
    headers: Mapping[str, str]
    url: str
    elsewhere: bool  # whether redirects led to another origin
    _response: requests.Response
    _http: Http

    @property
    def length(self) -> int | None:
        """The declared length of the body in bytes, if any."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def check(self, *good: int) -> None:
        """Raise Missing, TryAgain or BadInput unless the status is in ``good`` (default: 200)."""
        if self.status in (good or (200,)):
            return
        where = self.url.partition("?")[0]  # a query may hold a signature
        if self.status in (404, 410):
            raise Missing(f"{where} does not exist (HTTP {self.status})")
        if self.status in STATUSES:
            wait = retry_after(self.headers.get("Retry-After", ""))
            raise TryAgain(f"HTTP {self.status}", wait)
        what = f"{where} returned HTTP {self.status} {self._response.reason}".rstrip()
        raise BadInput(what, hint=_HINT)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body; raises TryAgain if it is cut off, stalls or is too slow."""
        size = 0
        for chunk in flowing(self._response.raw, self._http.stall, self._http.check):
            size += len(chunk)
            yield chunk
        if self.length not in (None, size):
            raise TryAgain(f"the response ended after {size} of {self.length} bytes")

    def limited(self, limit: int) -> Iterator[bytes]:
        """Yield the body; raises Refused after more than ``limit`` bytes."""
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise Refused(f"{self.url} is longer than the limit of {limit} bytes")
            yield chunk

    def read(self, limit: int) -> bytes:
        """Return the body; raises Refused if it is longer than ``limit`` bytes."""
        return b"".join(self.limited(limit))


class Http:
    """Sends requests; safe to use from several threads.

    ``ca_of`` returns the CA file to trust for a URL, or None for the system's. ``tls_hint`` is the
    hint of TLS errors. ``stall`` is the limit in seconds for headers and for gaps in a body.
    """

    def __init__(
        self,
        ca_of: Callable[[str], str | None] = lambda _url: None,
        stall: float = STALL,
        tls_hint: str = _TLS_HINT,
    ) -> None:
        self.stall = stall
        self._ca_of = ca_of
        self._tls_hint = tls_hint
        self._live = LiveConnections()
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"edgeboot/{__version__}"
        self._session.headers["Accept-Encoding"] = "identity"
        adapter = Adapter(self._live, stall)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def sleep(self, seconds: float) -> None:
        """Wait; raises Interrupted as soon as requests are aborted."""
        self._live.aborted.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Interrupted if requests were aborted."""
        if self._live.aborted.is_set():
            raise Interrupted("the transfer was interrupted", hint="rerun the same command")

    def abort(self) -> None:
        """Abort the running requests of every thread, and all later ones."""
        self._live.abort()

    @contextmanager
    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        authorize: Authorize = lambda _url: None,
        body: Body | bytes | None = None,
    ) -> Iterator[Response]:
        """Send a request and follow redirects, unless it has a body.

        Raises TryAgain if the network fails, Refused if TLS fails or a redirect is unsafe.
        """
        current, first = url, origin_of(url)
        for _ in range(_REDIRECTS):
            self.check()
            sent = dict(headers or {})
            if (authorization := authorize(current)) is not None:
                sent["Authorization"] = authorization
            with self._request(method, current, sent, body) as response:
                location = response.headers.get("Location")
                if body is None and response.status_code in _MOVED and location:
                    current = redirected(current, location)
                    continue
                elsewhere = origin_of(current) != first
                yield Response(
                    response.status_code, response.headers, current, elsewhere, response, self
                )
                return
        raise Refused(f"{url} redirects more than {_REDIRECTS} times", hint=_HINT)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | bytes | None
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                auth=_unchanged,  # otherwise requests reads netrc, even for plain http
                stream=True,
                allow_redirects=False,
                timeout=(_CONNECT, self.stall),
                verify=self._ca_of(url) or True,
            )
        except requests.exceptions.SSLError as error:
            self.check()
            if "EOF" in str(error):  # the connection closed during the handshake
                raise TryAgain(reason(error)) from error
            host = urlsplit(url).netloc
            raise Refused(
                f"TLS with {host} failed: {reason(error)}", hint=self._tls_hint.format(host=host)
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            self.check()
            raise TryAgain(reason(error)) from error
        except (requests.RequestException, OSError, ValueError) as error:
            # ValueError: requests parses Location even if it does not follow it
            raise BadInput(f"cannot fetch {url}: {reason(error)}", hint=_HINT) from error


def only_at(url: str, header: str | None) -> Authorize:
    """Send an Authorization header only to the origin of ``url``."""
    origin = origin_of(url)
    return lambda current: header if origin_of(current) == origin else None


def basic(user: str, password: bytes) -> str:
    """Return the value of a Basic Authorization header."""
    return f"Basic {base64.b64encode(user.encode() + b':' + password).decode()}"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
