"""The bundle's door to the network: files over HTTP(S), with time limits and modest retries.

Only this module knows requests. Redirects are followed by hand: from https only to https, or to
loopback, where tests and local mirrors live.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import unquote, urljoin, urlsplit

import requests

from edgeboot.bundle.http.retry import STATUSES, TryAgain, reason, retry_after, retrying
from edgeboot.bundle.http.stream import STALL, flowing
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.store.partial import Partial, growing
from edgeboot.errors import BadInput, Refused
from edgeboot.events import BytesFetched, Listener, silent

_TIMEOUTS = (15.0, STALL)  # seconds to connect, and without a byte
_REDIRECTS = 8
_PROGRESS = 1 << 20  # bytes that make an attempt count as progress
_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:\*|([0-9]{1,15}))")
_WHOLE, _PART, _NO_SUCH_RANGE = 200, 206, 416
MOVED = {301, 302, 303, 307, 308}

T = TypeVar("T")


class Missing(BadInput):
    """The server says that there is no such file."""


class Downloader:
    """Fetches files; ``sleep`` waits between attempts, ``hint`` is for when they all fail.

    ``login`` says who to be at the host of a URL; it is asked anew after each redirect.

    Methods raise Missing where the server has no such file, BadInput where it refuses, Refused for
    an unsafe redirect or a file over its limit, StepFailed where the network keeps failing.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        login: Callable[[str], tuple[str, str] | None] | None = None,
        listener: Listener = silent,
        hint: str = "check the network and the URL, and run the same command again",
    ) -> None:
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._sleep = sleep
        self._login = login
        self._listener = listener
        self._hint = hint

    def small(self, url: str, limit: int) -> bytes:
        """A file of at most ``limit`` bytes."""
        return self.fetch(url, limit, b"".join)

    def fetch(self, url: str, limit: int, take: Callable[[Iterator[bytes]], T]) -> T:
        """What ``take`` makes of a file's bytes; called anew where an attempt breaks off."""

        def once() -> T:
            with self._get(url) as (response, _):
                return take(_body(response, url, limit))

        return self._attempts(url, once)

    def blob(self, url: str, sha256: str, limit: int, store: Store) -> None:
        """Bring a file into ``store``, going on where an earlier attempt or run stopped.

        It is fetched once more where its bytes are not those of ``sha256``, and then Refused.
        """
        with growing(store, sha256, limit) as partial:
            if partial is None:
                return
            for again in (True, False):
                self._attempts(url, lambda: self._more(url, limit, partial))
                if partial.is_whole():
                    break
                found = partial.sha256
                partial.reset()
                if not again:
                    partial.discard()
                    raise Refused(
                        f"{url} does not have the expected SHA-256: {found}, not {sha256}",
                        hint="it was damaged or changed on the way; fetch it again",
                    )
            partial.keep()

    def _more(self, url: str, limit: int, partial: Partial) -> None:
        """One request for what is missing; TryAgain where it breaks off."""
        headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
        name, before = unquote(urlsplit(url).path.rpartition("/")[2]), partial.size
        with self._get(url, headers) as (response, _):
            if response.status_code == _NO_SUCH_RANGE:  # it is whole already, or another file
                return
            if before and not _continues(response, before):
                partial.reset()
            start = partial.size
            total = start + _announced(response)
            try:
                for chunk in _body(response, url, limit - start):
                    partial.write(chunk)
                    self._listener(BytesFetched(name, partial.size, max(total, partial.size)))
            except TryAgain as error:
                error.progress = partial.size - max(start, before) >= _PROGRESS
                raise

    def final_url(self, url: str) -> str:
        """Where a page redirects to in the end."""

        def once() -> str:
            with self._get(url) as (_, final):
                return final

        return self._attempts(url, once)

    def _attempts(self, url: str, once: Callable[[], T]) -> T:
        return retrying(url, once, self._sleep, hint=self._hint)

    @contextmanager
    def _get(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[tuple[requests.Response, str]]:
        """The answer to a request and the URL that gave it, after redirects."""
        current = url
        for _ in range(_REDIRECTS):
            login = self._login(current) if self._login else None
            try:
                response = self._session.get(
                    current,
                    headers=headers,
                    stream=True,
                    timeout=_TIMEOUTS,
                    allow_redirects=False,
                    auth=login or _nobody,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                raise TryAgain(reason(error)) from error
            except requests.RequestException as error:
                raise BadInput(f"cannot fetch {current}: {reason(error)}") from error
            with response:
                location = response.headers.get("Location")
                if response.status_code in MOVED and location:
                    current = redirected(current, location)
                    continue
                _check_status(response, current, login[0] if login else None, headers)
                yield response, current
                return
        raise Refused(f"{url} redirects more than {_REDIRECTS} times")


def _body(response: requests.Response, url: str, limit: int) -> Iterator[bytes]:
    announced, done = response.headers.get("Content-Length", ""), 0
    for chunk in flowing(response.raw):
        done += len(chunk)
        if done > limit:
            raise Refused(f"{url} is longer than the {limit} bytes that are allowed")
        yield chunk
    if announced.isascii() and announced.isdigit() and done != int(announced):
        raise TryAgain(f"it ended after {done} of {announced} bytes")


def _announced(response: requests.Response) -> int:
    """How many bytes the body is said to have; 0 where that is not said."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _continues(response: requests.Response, offset: int) -> bool:
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return response.status_code == _PART and match is not None and int(match[1]) == offset


def _check_status(
    response: requests.Response, url: str, user: str | None, asked: Mapping[str, str] | None
) -> None:
    status = response.status_code
    if status in (404, 410):
        raise Missing(f"{url} does not exist (HTTP {status})")
    if status in STATUSES:
        raise TryAgain(f"HTTP {status}", retry_after(response.headers.get("Retry-After", "")))
    if status in (401, 403):
        host = urlsplit(url).hostname
        raise BadInput(
            f"{url} refuses (HTTP {status}); it was asked {f'as {user}' if user else 'as nobody'}",
            hint=f"put user and password for {host} into ~/.netrc, or check the URL",
        )
    if status not in ((_WHOLE, _PART, _NO_SUCH_RANGE) if asked else (_WHOLE,)):
        raise BadInput(f"{url} answers HTTP {status} {response.reason}")


def redirected(url: str, location: str) -> str:
    """Where a redirect leads; Refused where that is neither https nor loopback."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if parts.scheme not in allowed and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise Refused(f"{url} redirects to {target}, which is not https")
    return target


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from looking into netrc by itself, which it does for plain http as well."""
    return request


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
