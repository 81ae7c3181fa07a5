"""What URLs mean for trust: origins, loopback, and where a redirect may lead."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from edgeboot.errors import Refused


def origin_of(url: str) -> tuple[str, str]:
    """Scheme, host and port: what a credential is shown to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def redirected(url: str, location: str) -> str:
    """Where a redirect leads; Refused unless that is https, loopback, or http from http."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if parts.scheme not in allowed and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise Refused(f"{url} redirects to {target}, which is not https")
    return target


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
