"""Security properties of URLs: origins, loopback hosts and safe redirects."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from edgeboot.errors import Refused


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme and host:port, the scope of a credential."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def redirected(url: str, location: str) -> str:
    """Resolve a redirect; raises Refused unless to https, to loopback, or from http to http."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if parts.scheme not in allowed and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise Refused(f"{url} redirects to {target}, which is not https")
    return target


def is_loopback(host: str | None) -> bool:
    """Report whether a host is localhost or a loopback address."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
