"""The bundle's door to the network: files over HTTP(S), with time limits and modest retries.

Only this module knows requests. Redirects are followed by hand: from https only to https, or to
loopback, where tests and local mirrors live.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from edgeboot.bundle.retry import STATUSES, TryAgain, reason, retry_after, retrying
from edgeboot.errors import BadInput, Refused
from edgeboot.plan.sources import CHUNK

_TIMEOUTS = (15.0, 60.0)  # seconds to connect, and without a byte
_REDIRECTS = 8
MOVED = {301, 302, 303, 307, 308}

T = TypeVar("T")


class Missing(BadInput):
    """The server says that there is no such file."""


class Downloader:
    """Fetches files; ``sleep`` waits between attempts.

    ``login`` says who to be at the host of a URL; it is asked anew after each redirect.

    Methods raise Missing where the server has no such file, BadInput where it refuses, Refused for
    an unsafe redirect or a file over its limit, StepFailed where the network keeps failing.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        login: Callable[[str], tuple[str, str] | None] | None = None,
    ) -> None:
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._sleep = sleep
        self._login = login

    def small(self, url: str, limit: int) -> bytes:
        """A file of at most ``limit`` bytes."""
        return self.fetch(url, limit, b"".join)

    def fetch(self, url: str, limit: int, take: Callable[[Iterator[bytes]], T]) -> T:
        """What ``take`` makes of a file's bytes; called anew where an attempt breaks off."""

        def once() -> T:
            with self._get(url) as (response, _):
                return take(_body(response, url, limit))

        return self._attempts(url, once)

    def final_url(self, url: str) -> str:
        """Where a page redirects to in the end."""

        def once() -> str:
            with self._get(url) as (_, final):
                return final

        return self._attempts(url, once)

    def _attempts(self, url: str, once: Callable[[], T]) -> T:
        hint = "check the network, or name a release directory"
        return retrying(url, once, self._sleep, hint=hint)

    @contextmanager
    def _get(self, url: str) -> Iterator[tuple[requests.Response, str]]:
        """The answer to a request and the URL that gave it, after redirects."""
        current = url
        for _ in range(_REDIRECTS):
            try:
                response = self._session.get(
                    current,
                    stream=True,
                    timeout=_TIMEOUTS,
                    allow_redirects=False,
                    auth=self._login(current) or _nobody if self._login else None,
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
                _check_status(response, current)
                yield response, current
                return
        raise Refused(f"{url} redirects more than {_REDIRECTS} times")


def _body(response: requests.Response, url: str, limit: int) -> Iterator[bytes]:
    announced = response.headers.get("Content-Length", "")
    done = 0
    try:
        for chunk in response.iter_content(CHUNK):
            done += len(chunk)
            if done > limit:
                raise Refused(f"{url} is longer than the {limit} bytes that are allowed")
            yield chunk
    except requests.RequestException as error:
        raise TryAgain(reason(error)) from error
    if announced.isascii() and announced.isdigit() and done != int(announced):
        raise TryAgain(f"it ended after {done} of {announced} bytes")


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in (404, 410):
        raise Missing(f"{url} does not exist (HTTP {status})")
    if status in STATUSES:
        raise TryAgain(f"HTTP {status}", retry_after(response.headers.get("Retry-After", "")))
    if status != requests.codes.ok:
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
