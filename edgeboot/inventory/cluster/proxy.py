"""``proxy``: how K3s and containerd get out of the site.

Source: K3s docs/advanced, "Configuring an HTTP proxy".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from edgeboot.errors import BadInput
from edgeboot.inventory.secrets import REFERENCE, SecretRef
from edgeboot.yaml.compound import Either, ListOf, Made
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import TEXT, At, Text, checked

_NAME = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_ODD = re.compile(r"[\s'\"\\$`]")  # what a shell and systemd read in different ways


@dataclass(frozen=True)
class Proxy:
    """A URL, or a reference where it carries a password; ``no_proxy`` adds to what is computed."""

    http: str | SecretRef | None = None
    https: str | SecretRef | None = None
    no_proxy: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no proxy is set."""
        return self.http is None and self.https is None


def proxy_url(text: str) -> str:
    """A proxy's URL, with or without user and password; ValueError does not repeat it."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "socks5") or not parts.hostname:
        raise ValueError("write http://HOST:PORT")
    if _ODD.search(text) or not text.isprintable():
        raise ValueError("write special characters as %XX")
    return text


def _destination(text: str) -> str:
    if text.startswith("*."):
        raise ValueError(f"write {text[1:]}: a leading dot matches all subdomains")
    try:
        return str(ipaddress.ip_network(text, strict=False) if "/" in text else text)
    except ValueError:
        raise ValueError("write a network as ADDRESS/PREFIX, for example 192.0.2.0/24") from None
    finally:
        if "/" not in text and not _NAME.fullmatch(text) and ":" not in text:
            raise ValueError("write a name, .DOMAIN, an address or a network")


def _url(text: str, at: At) -> str:
    if "@" in text:  # not repeated in the message: it holds a password
        hint = f"put the whole URL into a file and write '{at.key}: {{file: PATH}}'"
        raise at.error("secrets are not allowed in an inventory", hint)
    return checked(text, proxy_url, at, "proxy URL")


_PROXY = Either(Made(TEXT, _url), REFERENCE)
HTTP = optional("http", _PROXY, "The proxy for http: a URL, or {file: …} if it has a password.")
HTTPS = optional("https", _PROXY, "The proxy for https.")
NO_PROXY = optional(
    "no-proxy",
    ListOf(Text(_destination, "destination")),
    "Names, addresses and networks to reach directly, besides nodes, pods and services.",
    default=(),
)


def _some_proxy(values: Values) -> Iterator[BadInput]:
    if values.has(NO_PROXY) and not (values.has(HTTP) or values.has(HTTPS)):
        yield values.error(NO_PROXY, "'no-proxy' has no effect without a proxy", "add 'https'")


SECTION = Section(
    (HTTP, HTTPS, NO_PROXY),
    lambda v: Proxy(v[HTTP], v[HTTPS], v[NO_PROXY]),
    title="{key}",
    rules=(_some_proxy,),
)
