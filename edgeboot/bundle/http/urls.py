"""Security properties of URLs: origins, loopback hosts and safe redirects."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

from edgeboot.errors import Refused

_LOCATION_MAX = 16 << 10
_ASK = "check the name of {host} and any proxy in between, then rerun the same command"


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme and host:port, the scope of a credential."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def redirected(url: str, location: str) -> str:
    """Resolve a redirect; raises Refused unless to https, or from http to http.

    A redirect to this machine or its link is refused as well, except from this machine.
    """
    try:
        target = urljoin(url, location)
        parts, own = urlsplit(target), urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    host = origin_of(url)[1]
    if not valid or len(location) > _LOCATION_MAX:
        raise Refused(
            f"{host} redirects to an invalid address {location[:80]!r}", hint=_ASK.format(host=host)
        )
    if is_local(parts.hostname) and not is_local(own.hostname):
        raise Refused(
            f"{host} redirects to {parts.netloc}, an address of this machine or its link",
            hint=_ASK.format(host=host),
        )
    allowed = ("https",) if own.scheme == "https" else ("http", "https")
    if parts.scheme not in allowed and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        what = f"{url} redirects to {target}, which is not https"
        raise Refused(what, hint=_ASK.format(host=host))
    return target


def is_loopback(host: str | None) -> bool:
    """Report whether a host is localhost or a loopback address."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_local(host: str | None) -> bool:
    """Report whether a host is this machine or on its link, in any spelling of its address."""
    name = (host or "").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(name))  # such as 127.1 and 0x7f000001
    except (OSError, UnicodeError):
        return None


def web_url(text: str) -> SplitResult | None:
    """The parts of an http(s) URL with a host and, if any, a valid port; None for anything else."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, a port of 99999
        return None
    return parts if usable else None
