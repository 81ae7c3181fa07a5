"""Requests to registries, logged in, retried, and spread over mirrors.

``Session`` is what ``registry`` (pulls) and ``registry_push`` (uploads) are made of.
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

_TLS_HINT = "name the CA of {host}, or set 'plain-http: true' for it, under 'registries'"
_HINT = "check the network and rerun the same command: it resumes"

T = TypeVar("T")


class Different(Exception):
    """Bytes came, but not those that were asked for."""


class Session:
    """Connections and credentials for registries; safe to use from several threads.

    Methods raise Missing where there is no such thing, Refused where a registry refuses, where its
    answer breaks a rule or bytes are not those of their digest, StepFailed where the network or a
    registry keeps failing.
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
        self.limits: dict[str, str] = {}  # what registries say is left of their rate limits

    def abort(self) -> None:
        """End everything under way, in whatever thread."""
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
        """One request to an endpoint, logged in where it asks for that.

        ``path`` is below the repository (``tags/list``) or a whole URL. A 401 is answered once; 401
        and 403 after that raise Refused.
        """
        whole = path if "://" in path else _with_query(endpoint, f"{repository}/{path}")
        scope = f"repository:{repository}:{actions}"
        sent = {**({"Accept": accept} if accept else {}), **(headers or {})}
        ours = origin_of(whole) == origin_of(endpoint.base)  # an upload may be sent elsewhere
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
        """What ``once`` returns, tried again where that may help."""
        return retrying(what, once, self._sleep, hint=_HINT, attempts=attempts)

    def check(self, endpoint: Endpoint, answer: Response, *good: int) -> None:
        """Whether an answer has one of the statuses ``good``; raises what it means otherwise."""
        left = answer.headers.get("ratelimit-remaining", "")
        if left:
            self.limits[endpoint.host] = left.partition(";")[0][:20]
        if answer.status in (401, 403) and answer.status not in good:  # where a redirect led
            where = answer.url.partition("?")[0]
            raise Refused(
                f"{urlsplit(where).netloc} refused access (HTTP {answer.status}): {where}"
            )
        try:
            answer.check(*good)
        except Missing as error:
            error.hint = "check the name and the tag; a private repository looks missing, too"
            raise
        except TryAgain as error:
            if answer.status == 429:
                who = self._tokens.used(endpoint)
                raise TryAgain(f"{error}, too many requests {who}", error.wait) from error
            raise

    def anywhere(self, reference: Reference, ask: Callable[[Endpoint], T]) -> T:
        """What the first endpoint that has it says; a mirror that fails is passed over."""
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
                error.what += f" (and before: {'; '.join(passed)})"
            raise

    def twice(self, what: str, reference: Reference, ask: Callable[[Endpoint], T]) -> T:
        """Ask, and where the bytes were not the right ones once more: they may be next time."""
        try:
            return self.anywhere(reference, ask)
        except Different:
            pass
        try:
            return self.anywhere(reference, ask)
        except Different as error:
            hint = "the registry, or a proxy before it, returns damaged or changed data"
            raise Refused(f"{what} was wrong twice: {error}", hint=hint) from None


def _with_query(endpoint: Endpoint, path: str) -> str:
    plain, mark, query = path.partition("?")
    url = endpoint.url(plain)
    return url if not mark else f"{url}{'&' if '?' in url else '?'}{query}"
