"""``coredns``: names and resolvers of the site, for what runs in the cluster.

Source: K3s manifests/coredns.yaml: the ConfigMap ``coredns-custom`` is imported, ``*.override``
inside the default server block and before its ``forward``, ``*.server`` beside it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.yaml.compound import ListOf, Made, MapOf
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import TEXT, At, Integer, Text
from edgeboot.yaml.wording import quoted

OWN_KEYS = frozenset({"edgeboot", "edgeboot-hosts"})  # names edgeboot gives its own pieces
# Plugins that the default block has already and CoreDNS takes once only -> what to do instead.
_ONCE = {
    "hosts": "put names under 'hosts' of 'coredns'",
    "forward": "put resolvers under 'forward' of 'coredns'",
} | dict.fromkeys(
    ("cache", "loop", "reload", "health", "ready", "prometheus", "loadbalance"),
    "remove it: the default server block has it, and CoreDNS accepts it once",
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_ZONE = re.compile(r"(?:dns://)?([A-Za-z0-9.*_-]+|\.)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class CoreDns:
    """``hosts``: addresses by name. ``servers``, ``overrides``: pieces of a Corefile by name."""

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forward: tuple[str, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    replicas: int | None = None


def _host_name(text: str) -> str:
    if "*" in text:
        raise ValueError(
            "write a 'template' in 'overrides' instead: the hosts plugin has no wildcards"
        )
    try:
        name = syntax.address(text)
    except ValueError:
        raise ValueError("use a host name: letters, digits, dashes and dots") from None
    if ":" in name or name.rpartition(".")[2].isdigit():
        raise ValueError("write 'NAME: ADDRESS', not the other way round")
    return name.removesuffix(".")


def _piece_name(text: str) -> str:
    if text in OWN_KEYS:
        raise ValueError("choose another name: edgeboot uses this one")
    if _KEY.fullmatch(text):
        return text
    raise ValueError("use letters, digits, '-' and '_', without .server or .override")


def _resolver(text: str) -> str:
    """An IP address, with a port if it is not the usual one."""
    if text.startswith(("tls://", "https://", "quic://")):
        raise ValueError(
            "write a block of your own in 'servers', with 'forward . tls://ADDRESS' and "
            "'tls_servername': 'forward' has no place for the name in the certificate"
        )
    host, colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    bracketed = text.startswith("[") and "]:" in text
    if bracketed:
        host, _, port = text[1:].partition("]:")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        if (colon or bracketed) and not 1 <= int(port) <= 65535:
            raise ValueError
    except ValueError:
        raise ValueError("write an IP address, or ADDRESS:PORT") from None
    if address.is_loopback:
        raise ValueError("use the address other hosts reach it at: loopback is the pod's own")
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _addressed(addresses: tuple[str, ...], at: At) -> tuple[str, ...]:
    if not addresses:
        raise at.error(f"{quoted(at.key)} has no address", "add one")
    return addresses


def _piece(text: str, at: At) -> str:
    opened, closed = text.count("{"), text.count("}")
    if opened != closed:
        what = f"unbalanced braces in {quoted(at.key)}: {opened} opened, {closed} closed"
        raise at.error(what, "balance them: CoreDNS would not start")
    return text.rstrip() + "\n"


def _override(text: str, at: At) -> str:
    for line in text.splitlines():
        plugin = line.split(maxsplit=1)[0] if line.strip() else ""
        if plugin in _ONCE and not line[0].isspace():
            raise at.error(f"plugin '{plugin}' is not allowed in an override", _ONCE[plugin])
    return _piece(text, at)


def _server(text: str, at: At) -> str:
    piece = _piece(text, at)
    plugins = {line.split()[0] for line in text.splitlines() if line.strip()}
    if files := plugins & {"file", "auto"}:
        what = f"plugin '{min(files)}' reads a file that the CoreDNS pod does not have"
        raise at.error(
            what, "write the records under 'hosts', or forward to a server that has them"
        )
    if not _zones(text):
        raise at.error(f"{quoted(at.key)} has no server block", "start it with 'ZONE:53 {'")
    return piece


HOSTS = optional(
    "hosts",
    MapOf(
        Made(ListOf(Text(syntax.ip_address, "address"), or_one=True), _addressed),
        _host_name,
        "host name",
    ),
    "Names of the site that have no other DNS, and their addresses.",
    default={},
)
FORWARD = optional(
    "forward",
    ListOf(Text(_resolver, "resolver")),
    "Resolvers for everything else, instead of the host's resolv.conf.",
    default=(),
)
SERVERS = optional(
    "servers",
    MapOf(Made(TEXT, _server), _piece_name, "name"),
    "Server blocks besides the default one, by a name of yours.",
    default={},
)
OVERRIDES = optional(
    "overrides",
    MapOf(Made(TEXT, _override), _piece_name, "name"),
    "Lines inside the default block, by a name of yours.",
    default={},
)
REPLICAS = optional("replicas", Integer(1, 16), "How many CoreDNS pods; K3s starts one.")


def _each_zone_once(values: Values) -> Iterator[BadInput]:
    """CoreDNS does not start if two blocks serve one zone on one port."""
    hosts = values[HOSTS]
    seen = {(".", "53"): "the default block", **{(name, "53"): "'hosts'" for name in hosts}}
    servers = values.raw(SERVERS)
    for piece, text in values[SERVERS].items():
        for zone in _zones(text):
            if zone in seen:
                what = f"duplicate zone {zone[0]}:{zone[1]} (first served by {seen[zone]})"
                yield BadInput(what, where=servers.where(piece), hint="serve each zone once")
            seen.setdefault(zone, f"'{piece}'")


SECTION = Section(
    (HOSTS, FORWARD, SERVERS, OVERRIDES, REPLICAS),
    lambda v: CoreDns(v[HOSTS], v[FORWARD], v[SERVERS], v[OVERRIDES], v[REPLICAS]),
    title="{key}",
    rules=(_each_zone_once,),
)


def _zones(text: str) -> list[tuple[str, str]]:
    zones: list[tuple[str, str]] = []
    depth = 0
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if depth == 0 and "{" in line:
            for word in line.partition("{")[0].replace(",", " ").split():
                found = _ZONE.fullmatch(word)
                if found:
                    zone = found[1].lower()
                    zones.append((zone if zone == "." else zone.rstrip("."), found[2] or "53"))
        depth += line.count("{") - line.count("}")
    return zones
