"""Authentication with registries: challenges, bearer tokens and basic authentication.

Source: the distribution project's token authentication specification and its OAuth2 variant.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from itertools import zip_longest
from urllib.parse import urlencode, urlsplit

from edgeboot.bundle.http.client import Http, Response, only_at
from edgeboot.bundle.http.retry import STATUSES, TryAgain, retry_after
from edgeboot.bundle.registry.hosts import Endpoint, Hosts
from edgeboot.bundle.registry.keychain import Credential, Keychain, basic
from edgeboot.errors import Refused

_TOKEN_MAX = 1 << 20
_CLIENT = "edgeboot"
_ISSUER_HINT = "check the registry's name, and that no proxy or login page answers for it"
_CHALLENGE = re.compile(r"(?:^|,)\s*(Bearer|Basic)\b\s*", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')


class Tokens:
    """Authorization headers by host and scope; safe to use from several threads."""

    def __init__(self, http: Http, hosts: Hosts, keychain: Keychain) -> None:
        self._http = http
        self._hosts = hosts
        self._keychain = keychain
        self._known: dict[tuple[str, str], str] = {}
        self._credentials: dict[str, Credential | None] = {}
        self._withheld: dict[str, str] = {}
        self._lock = threading.RLock()

    def current(self, endpoint: Endpoint, scope: str) -> str | None:
        """Return the last accepted header, or None."""
        return self._known.get((endpoint.base, scope))

    def renew(self, endpoint: Endpoint, scope: str, refused: str | None, answer: Response) -> str:
        """Return a new Authorization header after a 401 to a request with the header ``refused``.

        Raises Refused if there is no credential, or if it must not be sent to the token server.
        """
        with self._lock:
            key = (endpoint.base, scope)
            if (known := self._known.get(key)) is not None and known != refused:
                return known  # another thread has just renewed it
            self._known.pop(key, None)
            self._known[key] = self._login(endpoint, scope, answer)
            return self._known[key]

    def used(self, endpoint: Endpoint) -> str:
        """Describe the credential that was sent to an endpoint, for errors."""
        credential = self._credentials.get(endpoint.host)
        if realm := self._withheld.get(endpoint.base):
            return (
                f"anonymously ({credential} was not sent to {realm}, which is not {endpoint.host})"
            )
        return f"as {credential}" if credential else "without a credential"

    def hint(self, endpoint: Endpoint) -> str:
        """Return the hint for denied access."""
        if realm := self._withheld.get(endpoint.base):
            return f"if {realm} is its token server, set 'token-host: {realm}' under 'registries'"
        return f"log in with `docker login {endpoint.host}` or `skopeo login`, or check the name"

    def _login(self, endpoint: Endpoint, scope: str, answer: Response) -> str:
        challenges = dict(_challenges(answer.headers.get("WWW-Authenticate", "")))
        credential = self._credential(endpoint.host)
        if "bearer" in challenges:
            return f"Bearer {self._token(endpoint, scope, challenges['bearer'], credential)}"
        if not challenges:
            raise _unknown_challenge(endpoint, answer)
        header = basic(credential) if credential and "basic" in challenges else None
        if header is None:
            raise refused(endpoint, self, answer.status)
        return header

    def _credential(self, host: str) -> Credential | None:
        if host not in self._credentials:
            self._credentials[host] = self._keychain.credential(host)
        return self._credentials[host]

    def _token(
        self,
        endpoint: Endpoint,
        scope: str,
        challenge: dict[str, str],
        credential: Credential | None,
    ) -> str:
        realm = challenge.get("realm", "")
        if not self._hosts.realm_is_safe(endpoint, realm):
            raise Refused(
                f"{endpoint.host} requests tokens from {realm[:200]!r}, which is not a trusted "
                "address: it must use https and must not be this machine",
                hint="no credential was sent; check that this is the right registry",
            )
        if credential and not self._hosts.may_see(endpoint, realm):
            self._withheld[endpoint.base] = urlsplit(realm).netloc
            credential = None
        wanted = {"scope": scope}
        if "service" in challenge:
            wanted["service"] = challenge["service"]
        if credential and credential.user is None:
            token = self._refresh(realm, wanted, credential)
            if token is not None:
                return token
        header = basic(credential) if credential else None
        mark = "&" if "?" in realm else "?"
        url = f"{realm}{mark}{urlencode(wanted)}"
        with self._http.send("GET", url, authorize=only_at(url, header)) as answer:
            return self._read(endpoint, answer)

    def _refresh(self, realm: str, wanted: dict[str, str], credential: Credential) -> str | None:
        """Exchange an identity token; returns None if the server does not support OAuth2."""
        form = {
            **wanted,
            "grant_type": "refresh_token",
            "client_id": _CLIENT,
            "refresh_token": credential.secret.value.decode(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        with self._http.send("POST", realm, headers, body=urlencode(form).encode()) as answer:
            if answer.status in (404, 405):
                return None
            return self._read_token(answer)

    def _read(self, endpoint: Endpoint, answer: Response) -> str:
        if answer.status in (401, 403):
            raise refused(endpoint, self, answer.status)
        return self._read_token(answer)

    @staticmethod
    def _read_token(answer: Response) -> str:
        where = answer.url.partition("?")[0]
        if answer.status in STATUSES:
            wait = retry_after(answer.headers.get("Retry-After", ""))
            raise TryAgain(f"{where} returned HTTP {answer.status}", wait)
        if answer.status != 200:
            raise Refused(f"{where} did not issue a token: HTTP {answer.status}", hint=_ISSUER_HINT)
        try:
            document = json.loads(answer.read(_TOKEN_MAX))
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Refused(f"{where} did not return a valid token", hint=_ISSUER_HINT)
        return token


def refused(endpoint: Endpoint, tokens: Tokens, status: int) -> Refused:
    """Return the error for a final 401 or 403."""
    return Refused(
        f"{endpoint.host} denied access (HTTP {status}), requested {tokens.used(endpoint)}",
        hint=tokens.hint(endpoint),
        error_id="registry-refused",
    )


def _unknown_challenge(endpoint: Endpoint, answer: Response) -> Refused:
    """Return the error for a 401 that asks for no login that edgeboot supports."""
    header = answer.headers.get("WWW-Authenticate", "")
    asked = f"asks for {header[:80]!r}" if header else "does not say which login it accepts"
    return Refused(
        f"{endpoint.host} denied access (HTTP {answer.status}): it {asked}; edgeboot supports "
        "Bearer and Basic",
        hint=f"check that {endpoint.host} is a registry, and that no proxy answers for it",
        error_id="registry-refused",
    )


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield scheme and parameters of each challenge in a WWW-Authenticate header."""
    starts = list(_CHALLENGE.finditer(header))
    for match, following in zip_longest(starts, starts[1:]):
        text = header[match.end() : following.start() if following else len(header)]
        values = {
            m[1].lower(): re.sub(r"\\(.)", r"\1", m[2]) if m[2] is not None else m[3]
            for m in _PARAMETER.finditer(text)
        }
        yield match[1].lower(), values
