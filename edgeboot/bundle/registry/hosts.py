"""Endpoints of registries: mirrors, private CAs, and which hosts may receive credentials.

Source: Docker Hub's host names, and containerd's ``?ns=`` for mirrors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edgeboot.bundle.http.urls import is_local, is_loopback

DOCKER_HUB = "docker.io"
_HUB_API = "registry-1.docker.io"
# Registries with tokens from another host, as documented by their operators.
_TOKEN_HOSTS = {_HUB_API: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


@dataclass(frozen=True)
class RegistrySettings:
    """The settings of one registry (``host`` or ``host:port``) in ``bundle.yml``.

    ``mirrors`` are URLs to try first, in order. ``ca`` is a PEM file with the only trusted CA.
    ``plain_http`` None means plain HTTP for loopback hosts without a ``ca``. ``token_host`` is
    another host that may receive the credential.
    """

    host: str
    mirrors: tuple[str, ...] = ()
    ca: Path | None = None
    plain_http: bool | None = None
    token_host: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """A server for a registry's images; ``base`` is its URL without ``/v2``.

    ``host`` is the key of its credentials; ``query`` is added to every request.
    """

    base: str
    host: str
    query: str = ""

    def url(self, path: str) -> str:
        """Return the URL of a path below ``/v2/``."""
        return f"{self.base}/v2/{path}{self.query}"


class Hosts:
    """The settings of registries, by host."""

    def __init__(self, settings: Iterable[RegistrySettings] = ()) -> None:
        self._settings = {one.host: one for one in settings}

    def endpoints(self, registry: str) -> tuple[Endpoint, ...]:
        """Return the endpoints of a registry: its mirrors, then itself."""
        settings = self._settings.get(registry)
        mirrors = settings.mirrors if settings else ()
        return (*(self._mirror(url, registry) for url in mirrors), self.origin(registry))

    def origin(self, registry: str) -> Endpoint:
        """Return the endpoint of the registry itself."""
        host = _HUB_API if registry == DOCKER_HUB else registry
        return Endpoint(f"{self._scheme(registry)}://{host}", registry)

    def ca_of(self, url: str) -> str | None:
        """Return the CA file to trust for a URL, or None for the system's."""
        host = urlsplit(url).netloc
        name = DOCKER_HUB if host == _HUB_API else host
        settings = self._settings.get(name)
        return str(settings.ca) if settings and settings.ca else None

    def may_see(self, endpoint: Endpoint, realm: str) -> bool:
        """Report whether an endpoint's credential may be sent to its token server."""
        parts, own = urlsplit(realm), urlsplit(endpoint.base)
        settings = self._settings.get(endpoint.host)
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            return is_loopback(parts.hostname) and self._declared(settings, parts.netloc)
        known = (own.netloc, _TOKEN_HOSTS.get(own.netloc))
        return parts.netloc in known or self._declared(settings, parts.netloc)

    def realm_is_safe(self, endpoint: Endpoint, realm: str) -> bool:
        """Report whether a token server is acceptable: https, or the registry itself.

        Only a registry on this machine may have a token server on it.
        """
        try:
            parts, own = urlsplit(realm), urlsplit(endpoint.base)
            valid = bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False
        if not valid or (is_local(parts.hostname) and not is_local(own.hostname)):
            return False
        if parts.scheme == "http":
            same = (own.scheme, own.netloc) == ("http", parts.netloc)
            return same or is_loopback(parts.hostname)
        return parts.scheme == "https"

    @staticmethod
    def _declared(settings: RegistrySettings | None, host: str) -> bool:
        return settings is not None and settings.token_host == host

    def _mirror(self, url: str, registry: str) -> Endpoint:
        full = url if "://" in url else f"{self._scheme(url.partition('/')[0])}://{url}"
        return Endpoint(full.rstrip("/"), urlsplit(full).netloc, f"?ns={registry}")

    def _scheme(self, host: str) -> str:
        settings = self._settings.get(host) or RegistrySettings(host)
        plain = settings.plain_http
        if plain is None:
            plain = settings.ca is None and is_loopback(urlsplit(f"//{host}").hostname)
        return "http" if plain else "https"
