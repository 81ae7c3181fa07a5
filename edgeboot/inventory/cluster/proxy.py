"""``proxy``: how K3s and containerd get out of the site.

Source: K3s docs/advanced, "Configuring an HTTP proxy".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edgeboot.inventory import secrets
from edgeboot.inventory.cluster.base import TEXT, TEXTS, checked, closed, described
from edgeboot.inventory.secrets import SecretRef
from edgeboot.yaml.reader import Mapping, Reader

KEYS = ("http", "https", "no-proxy")
_NAME = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_ODD = re.compile(r"[\s'\"\\$`]")  # what a shell and systemd read in different ways


@dataclass(frozen=True)
class Proxy:
    """A URL, or a reference where it carries a password; ``no_proxy`` beside what is computed."""

    http: str | SecretRef | None = None
    https: str | SecretRef | None = None
    no_proxy: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no proxy."""
        return self.http is None and self.https is None


_URL = {"oneOf": [TEXT, secrets.SCHEMA]}
SCHEMA = closed(
    {
        "http": described(_URL, "The proxy for http: a URL, or {file: …} where it has a password."),
        "https": described(_URL, "The proxy for https."),
        "no-proxy": described(
            TEXTS, "Not through a proxy, beside nodes, pods and services: names, addresses, nets."
        ),
    }
)


def read(cluster: Reader, base: Path) -> Proxy:
    """The section; BadInput with file:line."""
    reader = cluster.mapping("proxy").reader(KEYS, "'proxy'")
    direct = tuple(checked(reader, "no-proxy", t, _destination) for t in reader.texts("no-proxy"))
    found = Proxy(_url(reader, "http", base), _url(reader, "https", base), direct)
    if direct and found.empty:
        raise reader.error("no-proxy", "without a proxy nothing goes through one", "add 'https'")
    return found


def _url(reader: Reader, key: str, base: Path) -> str | SecretRef | None:
    if isinstance(reader.value(key), Mapping):
        return secrets.reference(reader, key, base)
    text = reader.text(key, None)
    if text is None:
        return None
    if "@" in text:  # not repeated in the message: it holds a password
        hint = f"put the whole URL into a file and write '{key}: {{file: PATH}}'"
        raise reader.error(key, "an inventory holds no secrets", hint)
    return checked(reader, key, text, proxy_url)


def proxy_url(text: str) -> str:
    """A proxy's URL, with or without user and password; ValueError does not repeat it."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "socks5") or not parts.hostname:
        raise ValueError("write http://HOST:PORT")
    if _ODD.search(text) or not text.isprintable():
        raise ValueError("write odd characters as %XX")
    return text


def _destination(text: str) -> str:
    if text.startswith("*."):
        raise ValueError(f"write {text[1:]}: a leading dot means all below it")
    try:
        return str(ipaddress.ip_network(text, strict=False) if "/" in text else text)
    except ValueError:
        raise ValueError("this is no network") from None
    finally:
        if "/" not in text and not _NAME.fullmatch(text) and ":" not in text:
            raise ValueError("write a name, .DOMAIN, an address or a network")
