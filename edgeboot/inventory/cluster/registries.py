"""``registries`` and ``embedded-registry``: where images are pulled from, and as whom.

Source: K3s docs/installation/private-registry and registry-mirror. K3s skips what it cannot make
sense of, so all of that is an error here.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgeboot.inventory import secrets
from edgeboot.inventory.cluster.base import (
    BOOLEAN,
    TEXT,
    TEXTS,
    certificate,
    checked,
    closed,
    described,
    is_flag,
)
from edgeboot.inventory.secrets import SecretRef
from edgeboot.yaml.reader import Reader
from edgeboot.yaml.wording import quoted

_HOST = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?"
)
_NOT_IN_GO = re.compile(r"\(\?[=!<>]|\\[1-9]")  # RE2 knows neither
KEYS = ("mirrors", "configs", "default-endpoint")
MIRROR_KEYS = ("endpoint", "rewrite")
CONFIG_KEYS = ("auth", "tls")
AUTH_KEYS = ("username", "password")
TLS_KEYS = ("ca-file", "cert-file", "key-file", "insecure-skip-verify")


@dataclass(frozen=True)
class Mirror:
    """Where the images of one registry are looked for first."""

    endpoint: tuple[str, ...] = ()
    rewrite: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tls:
    """PEM texts; ``key_file`` is the operator's file with the client's private key."""

    ca: str | None = None
    cert: str | None = None
    key_file: SecretRef | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Access:
    """How to speak with one host."""

    username: str | None = None
    password: SecretRef | None = None
    tls: Tls = Tls()


@dataclass(frozen=True)
class Registries:
    """``default_endpoint``: whether a registry itself is asked where its mirrors fail."""

    mirrors: Mapping[str, Mirror] = field(default_factory=dict)
    configs: Mapping[str, Access] = field(default_factory=dict)
    default_endpoint: bool = True

    @property
    def empty(self) -> bool:
        """Whether nothing is to be said about registries."""
        return not self.mirrors and not self.configs


_MIRROR: dict[str, Any] = closed(
    {
        "endpoint": described(TEXTS, "URLs that are asked, in this order."),
        "rewrite": {
            "description": "Regular expressions for repository names, and what to ask for instead.",
            "type": "object",
            "additionalProperties": TEXT,
        },
    }
)
_ACCESS: dict[str, Any] = closed(
    {
        "auth": closed({"username": TEXT, "password": secrets.SCHEMA}, *AUTH_KEYS),
        "tls": closed(
            {
                "ca-file": described(TEXT, "Certificates of the authority, PEM."),
                "cert-file": described(TEXT, "The client's certificate, PEM."),
                "key-file": described(TEXT, "Its key: a file that only its owner may read."),
                "insecure-skip-verify": described(BOOLEAN, "Believe any certificate."),
            }
        ),
    }
)
SCHEMA = closed(
    {
        "mirrors": described(
            {"type": "object", "additionalProperties": _MIRROR},
            'By registry: docker.io, HOST:PORT, or "*" for all.',
        ),
        "configs": described(
            {"type": "object", "additionalProperties": _ACCESS},
            "By HOST or HOST:PORT of an endpoint: who we are there, and whom we believe.",
        ),
        "default-endpoint": described(
            BOOLEAN, "Whether a registry itself is asked where its mirrors fail; true by default."
        ),
    }
)
EMBEDDED_SCHEMA = {
    "description": "Nodes give each other images: true for those of all registries, or a list.",
    "oneOf": [BOOLEAN, TEXTS],
}


def read(cluster: Reader, base: Path) -> Registries:
    """The section, with the mirrors that the embedded registry needs; BadInput with file:line."""
    reader = cluster.mapping("registries").reader(KEYS, "'registries'")
    shared = embedded(cluster)
    mapping = reader.mapping("mirrors").free_reader("'mirrors'")
    mirrors = {_registry(mapping, name): _mirror(mapping, name, shared) for name in mapping.top}
    # a node takes part with those registries only that are listed (docs: registry-mirror)
    mirrors |= {name: Mirror() for name in shared if name not in mirrors}
    hosts = reader.mapping("configs").free_reader("'configs'")
    configs = {_registry(hosts, name): _access(hosts, name, base) for name in hosts.top}
    if "*" in configs:
        raise hosts.error("*", "K3s knows no '*' under 'configs'", "name each host")
    default = reader.boolean("default-endpoint", True)
    if not default and not mirrors:
        what = "without mirrors there is nothing to ask but the registries themselves"
        raise reader.error("default-endpoint", what, "add 'mirrors', or remove this line")
    return Registries(mirrors, configs, default)


def embedded(cluster: Reader) -> tuple[str, ...]:
    """The registries whose images nodes give each other; empty where they do not."""
    if not cluster.has("embedded-registry"):
        return ()
    if is_flag(cluster, "embedded-registry"):
        return ("*",) if cluster.boolean("embedded-registry") else ()
    names = cluster.texts("embedded-registry")
    for name in names:
        checked(cluster, "embedded-registry", name, _registry_name)
    return names


def _registry(mapping: Reader, name: str) -> str:
    return checked(mapping, name, name, _registry_name)


def _registry_name(text: str) -> str:
    if text == "*" or _HOST.fullmatch(text):
        return text
    if "://" in text:
        raise ValueError(f"write {urlsplit(text).netloc or 'the host'}, without scheme and path")
    raise ValueError("write HOST or HOST:PORT, for instance docker.io, or '*'")


def _mirror(mapping: Reader, name: str, shared: tuple[str, ...]) -> Mirror:
    reader = mapping.mapping(name).reader(MIRROR_KEYS, f"mirror '{name}'")
    endpoints = tuple(
        checked(reader, "endpoint", text, _endpoint) for text in reader.texts("endpoint")
    )
    rewrite = reader.mapping("rewrite").free_reader("'rewrite'")
    rewrites = {}
    for pattern in rewrite.top:
        checked(rewrite, pattern, pattern, _pattern)
        rewrites[pattern] = checked(rewrite, pattern, rewrite.text(pattern), _replacement)
    if not endpoints and not rewrites and not {name, "*"} & set(shared):
        what = f"mirror '{name}' has no 'endpoint', so it changes nothing"
        raise mapping.error(name, what, "add 'endpoint: [https://…]'")
    return Mirror(endpoints, rewrites)


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write https://HOST or http://HOST, with :PORT and a path if need be")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("user and password belong under 'configs', with 'auth'")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    if _NOT_IN_GO.search(text):
        raise ValueError("Go's regular expressions know no look-around and no back references")
    return text


def _replacement(text: str) -> str:
    if re.search(r"\\[0-9]", text):
        raise ValueError("groups are written $1, not \\1")
    if not text.isprintable() or not text or '"' in text:
        raise ValueError("write the name of a repository; $1 is the first group")
    return text


def _access(mapping: Reader, name: str, base: Path) -> Access:
    reader = mapping.mapping(name).reader(CONFIG_KEYS, f"'{name}' in 'configs'")
    auth = reader.mapping("auth").reader(AUTH_KEYS, f"'auth' of '{name}'")
    username = auth.text("username") if reader.has("auth") else None
    password = secrets.reference(auth, "password", base)
    if username is not None and password is None:
        raise reader.error("auth", f"'auth' of '{name}' has no 'password'", "add one")
    return Access(username, password, _tls(reader, name, base))


def _tls(access: Reader, name: str, base: Path) -> Tls:
    reader = access.mapping("tls").reader(TLS_KEYS, f"'tls' of '{name}'")
    ca, cert = certificate(reader, "ca-file", base), certificate(reader, "cert-file", base)
    insecure = reader.boolean("insecure-skip-verify", False)
    if insecure and ca is not None:
        what = "'insecure-skip-verify' would make 'ca-file' pointless"
        raise reader.error("insecure-skip-verify", what, "remove one of them")
    return Tls(ca, cert, key_for(reader, "cert-file", "key-file", base), insecure)


def key_for(reader: Reader, cert: str, key: str, base: Path) -> SecretRef | None:
    """The private key that goes with a certificate; both or neither are named, and fit."""
    if reader.has(cert) != reader.has(key):
        missing, there = (key, cert) if reader.has(cert) else (cert, key)
        raise reader.error(there, f"'{there}' without '{missing}'", f"add '{missing}'")
    if not reader.has(key):
        return None
    path = secrets.private_file(reader, key, base)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(base / Path(reader.text(cert)).expanduser(), path, password="")
    except (ssl.SSLError, OSError) as error:
        what = f"{quoted(str(path))} is not the key of this certificate"
        hint = "a key without a passphrase, in PEM, that belongs to the first certificate"
        raise reader.error(key, what, hint) from error
    return SecretRef(path, None, reader.top.where(key))
