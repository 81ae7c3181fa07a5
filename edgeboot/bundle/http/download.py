"""Downloads files over HTTP(S), with retries and resumption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from edgeboot.bundle.http import resume
from edgeboot.bundle.http.client import Http, Response, basic
from edgeboot.bundle.http.resume import TooLong
from edgeboot.bundle.http.retry import retrying
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.store.partial import Partial, growing
from edgeboot.errors import BadInput, Refused
from edgeboot.events import BytesFetched, Listener, silent

Login = tuple[str, str]  # user and password

T = TypeVar("T")


class Downloader:
    """Downloads files.

    ``sleep`` waits between attempts; ``hint`` is the hint of the error if all attempts fail.
    ``login`` returns user and password for a URL; it is called again after each redirect.

    Methods raise Missing if the server has no such file, BadInput if it rejects the request,
    Refused for an unsafe redirect or a file over its limit, StepFailed if the network fails.
    """

    def __init__(
        self,
        sleep: Callable[[float], object] | None = None,
        login: Callable[[str], Login | None] | None = None,
        listener: Listener = silent,
        hint: str = "check the network and the URL, and rerun the same command",
        http: Http | None = None,
    ) -> None:
        self._http = http or Http()
        self._sleep = sleep or self._http.sleep
        self._login = login or (lambda _url: None)
        self._listener = listener
        self._hint = hint

    def small(self, url: str, limit: int) -> bytes:
        """Return a file of at most ``limit`` bytes."""
        return self.fetch(url, limit, b"".join)

    def fetch(self, url: str, limit: int, take: Callable[[Iterator[bytes]], T]) -> T:
        """Return the result of ``take`` on a file's bytes; calls it again for each attempt."""

        def once() -> T:
            with self._http.send("GET", url, authorize=self._authorize) as response:
                self._check(response)
                return take(response.limited(limit))

        return self._attempts(url, once)

    def blob(self, url: str, sha256: str, limit: int, store: Store) -> None:
        """Download a file into ``store``, resuming an earlier attempt or run.

        On a SHA-256 mismatch, downloads it once more, then raises Refused.
        """
        with growing(store, sha256, limit) as partial:
            if partial is None:
                return
            for last in (False, True):
                self._attempts(url, lambda: self._more(url, limit, partial))
                if partial.is_whole():
                    break
                found = partial.sha256
                partial.reset()
                if last:
                    partial.discard()
                    raise Refused(
                        f"{url} does not have the expected SHA-256: {found}, not {sha256}",
                        hint="it was damaged or modified in transit; download it again",
                    )
            partial.keep()

    def final_url(self, url: str) -> str:
        """Return the URL that a page finally redirects to."""

        def once() -> str:
            with self._http.send("GET", url, authorize=self._authorize) as response:
                self._check(response)
                return response.url

        return self._attempts(url, once)

    def _more(self, url: str, limit: int, partial: Partial) -> None:
        """Send one request for the missing bytes; raises TryAgain if it is cut off."""
        headers = resume.rest_of(partial)
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        with self._http.send("GET", url, headers, self._authorize) as response:
            self._check(response, 200, *((206, 416) if headers else ()))
            total = (response.length or 0) + (partial.size if response.status == 206 else 0)

            def arrived(_count: int) -> None:
                self._listener(BytesFetched(name, partial.size, max(total, partial.size)))

            try:
                resume.append(response, partial, limit, arrived, exact=False)
            except TooLong:
                raise Refused(f"{url} is longer than the limit of {limit} bytes") from None

    def _attempts(self, url: str, once: Callable[[], T]) -> T:
        return retrying(url, once, self._sleep, hint=self._hint)

    def _authorize(self, url: str) -> str | None:
        login = self._login(url)
        return basic(login[0], login[1].encode()) if login else None

    def _check(self, response: Response, *good: int) -> None:
        if response.status in (401, 403):
            login, host = self._login(response.url), urlsplit(response.url).hostname
            raise BadInput(
                f"{response.url} denied access (HTTP {response.status}), requested "
                f"{f'as {login[0]}' if login else 'without credentials'}",
                hint=f"add user and password for {host} to ~/.netrc, or check the URL",
            )
        response.check(*good)
