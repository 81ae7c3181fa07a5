"""The administrator's credentials in the ``k3s.yaml`` of a server, read by an allow-list.

It reads the server's address and port, its CA, and the client's certificate and key. Anything else
in a kubeconfig (``exec``, ``proxy-url``, ``insecure-skip-tls-verify``, files …) is ignored: a host
must not decide what this machine runs or whom it trusts. The operator's own kubeconfig is written
from these values, too.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from edgeboot.kube.api import ApiError
from edgeboot.secret import Secret
from edgeboot.yaml import foreign

_MAX_FILE = 256 << 10
# Blocks and nothing between them (RFC 7468), so that no word of the host's travels with a key.
_PEM = re.compile(r"(?:-----BEGIN ([A-Z0-9 ]+)-----\n(?:[A-Za-z0-9+/=]+\n)+-----END \1-----\s*)+")


@dataclass(frozen=True)
class Credentials:
    """Where the API is, and the client's credentials, in PEM. Kept in memory only."""

    host: str  # an IP address of the server itself
    port: int
    ca: str
    certificate: str
    key: Secret


def parse_credentials(kubeconfig: Secret, where: str) -> Credentials:
    """The credentials in a server's kubeconfig; ``ApiError`` if K3s did not write it."""
    try:
        return _parse(kubeconfig.value)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # Not the error's own words: they could quote the key.
        raise ApiError(
            "cannot read its kubeconfig /etc/rancher/k3s/k3s.yaml",
            where=where,
            hint="restart K3s on the host; it rewrites the file",
        ) from error


def _parse(data: bytes) -> Credentials:
    if len(data) > _MAX_FILE:
        raise ValueError("too long")
    document = _mapping(foreign.parse_texts(data))
    cluster = _only(document, "clusters", "cluster")
    user = _only(document, "users", "user")
    host, port = _address(_text(cluster["server"]))
    return Credentials(
        host=host,
        port=port,
        ca=_pem(cluster["certificate-authority-data"]),
        certificate=_pem(user["client-certificate-data"]),
        key=Secret(_pem(user["client-key-data"]).encode()),
    )


def _only(document: Mapping[str, Any], many: str, one: str) -> Mapping[str, Any]:
    (entry,) = document[many]
    return _mapping(_mapping(entry)[one])


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _address(url: str) -> tuple[str, int]:
    """``https://127.0.0.1:6443``: an IP address, because names are not resolved."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.path.strip("/") or parts.username is not None:
        raise ValueError("not the address of an API")
    return str(ipaddress.ip_address(parts.hostname or "")), parts.port or 443


def _pem(value: Any) -> str:
    try:
        text = base64.b64decode(_text(value), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not base64 of PEM") from error
    if not _PEM.fullmatch(text):
        raise ValueError("not PEM")
    return text
