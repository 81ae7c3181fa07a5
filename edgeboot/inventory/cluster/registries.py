"""``registries`` and ``embedded-registry``: where images are pulled from, and as whom.

Source: K3s docs/installation/private-registry and registry-mirror. K3s skips what it cannot make
sense of, so all of that is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster import key_pair
from edgeboot.inventory.files import CERTIFICATE, PRIVATE_FILE
from edgeboot.inventory.secrets import REFERENCE, SecretRef
from edgeboot.yaml import values as parsed
from edgeboot.yaml.compound import Either, ListOf, Made, MapOf
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import TEXT, At, Boolean, Text, checked

_HOST = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?"
)
_NOT_IN_GO = re.compile(r"\(\?[=!<>]|\\[1-9]")  # RE2 knows neither


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
    """How to talk to one host."""

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


def _registry_name(text: str) -> str:
    if text == "*" or _HOST.fullmatch(text):
        return text
    if "://" in text:
        raise ValueError(f"write {urlsplit(text).netloc or 'the host'}, without scheme and path")
    raise ValueError("write HOST or HOST:PORT, for example docker.io, or '*'")


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write https://HOST[:PORT][/PATH] or http://HOST[:PORT][/PATH]")
    if parts.query or parts.fragment:
        raise ValueError("write it without query and fragment")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"fix the regular expression: {error}") from None
    if _NOT_IN_GO.search(text):
        raise ValueError("remove look-around and back references: Go has neither")
    return text


def _replacement(text: str) -> str:
    if re.search(r"\\[0-9]", text):
        raise ValueError("write groups as $1, not \\1")
    if not text.isprintable() or not text or '"' in text:
        raise ValueError("write a repository name; $1 is the first group")
    return text


def _endpoint_without_user(text: str, at: At) -> str:
    if "@" in text:  # not repeated in the message: it may hold a password
        hint = "put user and password under 'configs', in 'auth'"
        raise at.error("secrets are not allowed in an inventory", hint)
    return checked(text, _endpoint, at, "endpoint")


def _config_host(text: str) -> str:
    if text == "*":
        raise ValueError("name each host: K3s ignores '*' under 'configs'")
    return _registry_name(text)


ENDPOINT = optional(
    "endpoint",
    ListOf(Made(TEXT, _endpoint_without_user)),
    "URLs that are asked, in this order.",
    default=(),
)
REWRITE = optional(
    "rewrite",
    MapOf(Text(_replacement, "replacement"), _pattern, "pattern"),
    "Regular expressions for repository names, and what to ask for instead.",
    default={},
)
_MIRROR = Section(
    (ENDPOINT, REWRITE),
    lambda v: Mirror(v[ENDPOINT], v[REWRITE]),
    title="mirror {key}",
)

USERNAME = required("username", TEXT)
PASSWORD = required("password", REFERENCE)
_NO_TOKENS = "write 'username' and 'password': an identity token ends, and no node renews it"
_AUTH = Section(
    (USERNAME, PASSWORD),
    lambda v: (v[USERNAME], v[PASSWORD]),
    refused=dict.fromkeys(
        ("identity-token", "identity_token", "identitytoken", "auth"), _NO_TOKENS
    ),
)

CA_FILE = optional("ca-file", CERTIFICATE, "Certificates of the authority, PEM.")
CERT_FILE = optional("cert-file", CERTIFICATE, "The client's certificate, PEM.")
KEY_FILE = optional("key-file", PRIVATE_FILE, "Its key; only its owner may read it.")
INSECURE = optional("insecure-skip-verify", Boolean(), "Accept any certificate.", default=False)


def _one_trust(values: Values) -> Iterator[BadInput]:
    if values[INSECURE] and values.has(CA_FILE):
        what = "'insecure-skip-verify' makes 'ca-file' pointless"
        yield values.error(INSECURE, what, "remove one of them")


def _tls(values: Values) -> Tls:
    ca, cert = values[CA_FILE], values[CERT_FILE]
    return Tls(
        ca.text if ca else None,
        cert.text if cert else None,
        key_pair.reference(values, KEY_FILE),
        values[INSECURE],
    )


_TLS = Section(
    (CA_FILE, CERT_FILE, KEY_FILE, INSECURE),
    _tls,
    rules=(_one_trust, key_pair.fits(CERT_FILE, KEY_FILE)),
)

AUTH = optional("auth", _AUTH)
TLS = optional("tls", _TLS, default=Tls())


def _access(values: Values) -> Access:
    username, password = values[AUTH] or (None, None)
    return Access(username, password, values[TLS])


_ACCESS = Section((AUTH, TLS), _access, title="{key} in 'configs'")

MIRRORS = optional(
    "mirrors",
    MapOf(_MIRROR, _registry_name, "registry"),
    'By registry: docker.io, HOST:PORT, or "*" for all.',
    default={},
)
CONFIGS = optional(
    "configs",
    MapOf(_ACCESS, _config_host, "registry"),
    "By HOST or HOST:PORT of an endpoint: credentials, and which certificates to trust.",
    default={},
)
DEFAULT_ENDPOINT = optional(
    "default-endpoint",
    Boolean(),
    "Whether to ask a registry itself if its mirrors fail; true by default.",
    default=True,
)

SECTION = Section(
    (MIRRORS, CONFIGS, DEFAULT_ENDPOINT),
    lambda v: Registries(v[MIRRORS], v[CONFIGS], v[DEFAULT_ENDPOINT]),
    title="{key}",
)


def _embedded(value: bool | tuple[str, ...], _at: At) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("*",) if value else ()
    return value


EMBEDDED = Made(Either(Boolean(), ListOf(Text(_registry_name, "registry"))), _embedded)


def shared(registries: Registries, embedded: tuple[str, ...]) -> Registries:
    """With a mirror for each registry that the embedded one serves.

    A node takes part only with those registries that are listed (docs: registry-mirror).
    """
    missing = {name: Mirror() for name in embedded if name not in registries.mirrors}
    return replace(registries, mirrors={**registries.mirrors, **missing})


def without_effect(
    registries: Registries, embedded: tuple[str, ...], written: parsed.Mapping
) -> Iterator[BadInput]:
    """What changes nothing, with ``written`` as the section was parsed."""
    where = written.entries.get("mirrors", (None, None))[1]
    for name, mirror in registries.mirrors.items():
        if mirror == Mirror() and not {name, "*"} & set(embedded):
            place = where.where(name) if isinstance(where, parsed.Mapping) else written.where()
            what = f"mirror '{name}' has no effect without 'endpoint'"
            yield BadInput(what, where=place, hint="add 'endpoint: [https://…]'")
    if not registries.default_endpoint and not registries.mirrors and not embedded:
        what = "'default-endpoint: false' leaves no registry to ask"
        hint = "add 'mirrors', or remove this line"
        yield BadInput(what, where=written.where("default-endpoint"), hint=hint)
