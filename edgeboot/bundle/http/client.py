"""The HTTP client: single requests, held to rules that requests does not keep by itself.

Redirects are followed here, and Authorization is decided for each URL anew; neither netrc nor
cookies are used; headers and bodies that drip are cut; every request in progress can be aborted.
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
_TLS_HINT = "add its CA to this machine's, or set REQUESTS_CA_BUNDLE to a file that has it"

Authorize = Callable[[str], str | None]  # the Authorization header for a URL; None: none


class Missing(BadInput):
    """The server has no such file."""


class Body(Protocol):
    """Bytes to send: requests takes the length from ``len`` and reads piece by piece."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end."""


@dataclass(frozen=True)
class Response:
    """A status, headers, and a body that can be read once. ``url`` is where redirects led."""

    status: int
    headers: Mapping[str, str]
    url: str
    elsewhere: bool  # another origin than the one that was asked
    _response: requests.Response
    _http: Http

    @property
    def length(self) -> int | None:
        """The length that the body is announced to have."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def check(self, *good: int) -> None:
        """Raises Missing, TryAgain or BadInput unless the status is in ``good`` (else 200)."""
        if self.status in (good or (200,)):
            return
        where = self.url.partition("?")[0]  # a query may hold a signature
        if self.status in (404, 410):
            raise Missing(f"{where} does not exist (HTTP {self.status})")
        if self.status in STATUSES:
            wait = retry_after(self.headers.get("Retry-After", ""))
            raise TryAgain(f"HTTP {self.status}", wait)
        raise BadInput(f"{where} returned HTTP {self.status} {self._response.reason}".rstrip())

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives; raises TryAgain where it breaks off, stalls or drips."""
        size = 0
        for chunk in flowing(self._response.raw, self._http.stall, self._http.check):
            size += len(chunk)
            yield chunk
        if self.length not in (None, size):
            raise TryAgain(f"it ended after {size} of {self.length} bytes")

    def limited(self, limit: int) -> Iterator[bytes]:
        """The same, of at most ``limit`` bytes: Refused where there are more."""
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise Refused(f"{self.url} is longer than the {limit} bytes that are allowed")
            yield chunk

    def read(self, limit: int) -> bytes:
        """The whole body; Refused where it is longer than ``limit`` bytes."""
        return b"".join(self.limited(limit))


class Http:
    """Sends requests; safe to use from several threads.

    ``ca_of`` gives the CA file that is trusted for a URL, None for the system's; ``tls_hint`` is
    what to do where TLS fails; ``stall`` is how many seconds headers and gaps in a body may take.
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
        """Wait, or raise Interrupted as soon as everything is aborted."""
        self._live.aborted.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raises Interrupted once everything is aborted."""
        if self._live.aborted.is_set():
            raise Interrupted("the transfer was stopped", hint="rerun the same command")

    def abort(self) -> None:
        """End every request in progress, in whatever thread."""
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
        """The response to a request, after redirects (followed only for requests without a body).

        Raises TryAgain where the network fails, Refused where TLS or a redirect is not safe.
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
                auth=_unchanged,  # without it requests looks into netrc, even for plain http
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
                f"TLS with {host} failed: {reason(error)}", hint=self._tls_hint.format(host=host)
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            self.check()
            raise TryAgain(reason(error)) from error
        except (requests.RequestException, OSError, UnicodeError) as error:
            raise BadInput(f"cannot fetch {url}: {reason(error)}") from error


def only_at(url: str, header: str | None) -> Authorize:
    """An Authorization header for the origin of ``url`` and for no other."""
    origin = origin_of(url)
    return lambda current: header if origin_of(current) == origin else None


def basic(user: str, password: bytes) -> str:
    """The value of an Authorization header."""
    return f"Basic {base64.b64encode(user.encode() + b':' + password).decode()}"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
