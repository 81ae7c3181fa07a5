"""Requests to registries, with authentication, retries and mirrors.

``client`` (downloads) and ``push`` (uploads) use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from edgeboot.bundle.http.client import Body, Http, Missing, Response, only_at
from edgeboot.bundle.http.retry import ATTEMPTS, TryAgain, retrying
from edgeboot.bundle.http.urls import origin_of
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.hosts import Endpoint, Hosts, RegistrySettings
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.bundle.registry.token import Tokens, refused
from edgeboot.errors import Refused, StepFailed

_TLS_HINT = "set 'ca' or 'plain-http: true' for {host} under 'registries'"
_HINT = "check the network and rerun the same command: it resumes"

T = TypeVar("T")


class Different(Exception):
    """The response has other bytes than requested."""


class Session:
    """Connections and credentials for registries; safe to use from several threads.

    Methods raise Missing if the object does not exist, Refused if access is denied, a response is
    invalid or a digest does not match, StepFailed if the network or a registry keeps failing.
    """

    def __init__(
        self,
        settings: Iterable[RegistrySettings] = (),
        *,
        keychain: Keychain | None = None,
        http: Http | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.hosts = Hosts(settings)
        self._http = http or Http(self.hosts.ca_of, tls_hint=_TLS_HINT)
        self._sleep = sleep or self._http.sleep
        self._tokens = Tokens(self._http, self.hosts, keychain or Keychain())
        self.limits: dict[str, str] = {}  # remaining rate limit, by host

    def abort(self) -> None:
        """Abort the running requests of all threads."""
        self._http.abort()

    @contextmanager
    def exchange(
        self,
        endpoint: Endpoint,
        repository: str,
        method: str,
        path: str,
        *,
        accept: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Body | bytes] | None = None,
        actions: str = "pull",
    ) -> Iterator[Response]:
        """Send one request to an endpoint, with authentication if it asks for it.

        ``path`` is relative to the repository (``tags/list``) or a full URL. After one 401, the
        request is repeated with a new token; further 401 and 403 raise Refused.
        """
        whole = path if "://" in path else _with_query(endpoint, f"{repository}/{path}")
        scope = f"repository:{repository}:{actions}"
        sent = {**({"Accept": accept} if accept else {}), **(headers or {})}
        ours = origin_of(whole) == origin_of(
            endpoint.base
        )  # uploads may be redirected to another host
        known = self._tokens.current(endpoint, scope) if ours else None
        for again in (True, False):
            data = body() if body else None
            with self._http.send(method, whole, sent, only_at(whole, known), data) as answer:
                if answer.status not in (401, 403) or answer.elsewhere or not ours:
                    yield answer
                    return
                if answer.status == 403 or not again:
                    raise refused(endpoint, self._tokens, answer.status)
                known = self._tokens.renew(endpoint, scope, known, answer)

    def retrying(self, what: str, once: Callable[[], T], attempts: int = ATTEMPTS) -> T:
        """Call ``once`` with retries; returns its result."""
        return retrying(what, once, self._sleep, hint=_HINT, attempts=attempts)

    def check(self, endpoint: Endpoint, answer: Response, *good: int) -> None:
        """Raise the error of a response unless its status is in ``good``."""
        left = answer.headers.get("ratelimit-remaining", "")
        if left:
            self.limits[endpoint.host] = left.partition(";")[0][:20]
        if answer.status in (401, 403) and answer.status not in good:  # of a redirect's target
            where = answer.url.partition("?")[0]
            raise Refused(f"{urlsplit(where).netloc} denied access (HTTP {answer.status}): {where}")
        try:
            answer.check(*good)
        except Missing as error:
            error.hint = (
                "check the name and the tag; private repositories may look missing without a login"
            )
            raise
        except TryAgain as error:
            if answer.status == 429:
                who = self._tokens.used(endpoint)
                raise TryAgain(f"{error}, too many requests {who}", error.wait) from error
            raise

    def anywhere(self, reference: Reference, ask: Callable[[Endpoint], T]) -> T:
        """Return the result from the first endpoint that succeeds: mirrors, then the registry."""
        *mirrors, origin = self.hosts.endpoints(reference.registry)
        passed = []
        for mirror in mirrors:
            try:
                return self.retrying(f"{reference} from {mirror.base}", partial(ask, mirror), 1)
            except (Missing, StepFailed, Different) as error:
                passed.append(f"{mirror.base}: {getattr(error, 'what', error)}")
        try:
            return self.retrying(str(reference), partial(ask, origin))
        except (Missing, StepFailed) as error:
            if passed:
                error.what += f" (mirrors failed first: {'; '.join(passed)})"
            raise

    def twice(self, what: str, reference: Reference, ask: Callable[[Endpoint], T]) -> T:
        """Like ``anywhere``, but on wrong bytes try once more, then raise Refused."""
        try:
            return self.anywhere(reference, ask)
        except Different:
            pass
        try:
            return self.anywhere(reference, ask)
        except Different as error:
            hint = "the registry, or a proxy in front of it, returns damaged or modified data"
            raise Refused(f"{what} was wrong twice: {error}", hint=hint) from None


def _with_query(endpoint: Endpoint, path: str) -> str:
    plain, mark, query = path.partition("?")
    url = endpoint.url(plain)
    return url if not mark else f"{url}{'&' if '?' in url else '?'}{query}"
