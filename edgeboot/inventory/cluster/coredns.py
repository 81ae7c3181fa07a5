"""``coredns``: names and resolvers of the site, for what runs in the cluster.

Source: K3s manifests/coredns.yaml: the ConfigMap ``coredns-custom`` is imported, ``*.override``
inside the default server block and before its ``forward``, ``*.server`` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.inventory import syntax
from edgeboot.inventory.cluster.base import (
    TEXT,
    TEXTS,
    checked,
    closed,
    described,
    in_range,
    ip_or_port,
)
from edgeboot.yaml.reader import Reader, Scalar
from edgeboot.yaml.wording import quoted

KEYS = ("hosts", "forward", "servers", "overrides", "replicas")
OWN_KEYS = frozenset({"edgeboot", "edgeboot-hosts"})  # names edgeboot gives its own pieces
# Plugins that the default block has already and CoreDNS takes once only -> what to do instead.
_ONCE = {
    "hosts": "write names under 'hosts' of 'coredns'",
    "forward": "write resolvers under 'forward' of 'coredns'",
} | dict.fromkeys(
    ("cache", "loop", "reload", "health", "ready", "prometheus", "loadbalance"),
    "the default server block has it already, and it can stand there once",
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_ZONE = re.compile(r"(?:dns://)?([A-Za-z0-9.*_-]+|\.)(?::([0-9]{1,5}))?")
_MOST_REPLICAS = 16


@dataclass(frozen=True)
class CoreDns:
    """``hosts``: addresses by name. ``servers``, ``overrides``: pieces of a Corefile by name."""

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forward: tuple[str, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    replicas: int | None = None


_PIECES = {"type": "object", "additionalProperties": TEXT}
SCHEMA = closed(
    {
        "hosts": {
            "description": "Names of the site that have no other DNS, and their addresses.",
            "type": "object",
            "additionalProperties": {"oneOf": [TEXT, TEXTS]},
        },
        "forward": described(
            TEXTS, "Resolvers to ask for everything else, in place of the host's resolv.conf."
        ),
        "servers": described(_PIECES, "Server blocks beside the default one, by a name of yours."),
        "overrides": described(_PIECES, "Lines inside the default block, by a name of yours."),
        "replicas": described(
            {"type": "integer", "minimum": 1, "maximum": _MOST_REPLICAS},
            "How many CoreDNS pods; K3s starts one.",
        ),
    }
)


def read(cluster: Reader, _base: Path) -> CoreDns:
    """The section; BadInput with file:line."""
    reader = cluster.mapping("coredns").reader(KEYS, "'coredns'")
    forward = tuple(checked(reader, "forward", t, ip_or_port) for t in reader.texts("forward"))
    for address in forward:
        if address.startswith(("127.", "[::1]")) or address == "::1":
            what = f"{address} is the pod's own loopback for CoreDNS"
            raise reader.error("forward", what, "write the address other hosts reach it at")
    hosts = _hosts(reader)
    servers = _pieces(reader, "servers")
    _check_zones(reader, servers, hosts)
    overrides = _pieces(reader, "overrides")
    _check_plugins(reader, overrides)
    return CoreDns(
        hosts, forward, servers, overrides, in_range(reader, "replicas", 1, _MOST_REPLICAS)
    )


def _hosts(reader: Reader) -> dict[str, tuple[str, ...]]:
    mapping = reader.mapping("hosts").free_reader("'hosts'")
    found = {}
    for name in mapping.top:
        single = isinstance(mapping.value(name), Scalar)
        texts = (mapping.text(name),) if single else mapping.texts(name)
        addresses = tuple(checked(mapping, name, text, syntax.ip_address) for text in texts)
        if not addresses:
            raise mapping.error(name, f"{quoted(name)} has no address", "write one")
        found[checked(mapping, name, name, _host_name)] = addresses
    return found


def _host_name(text: str) -> str:
    try:
        name = syntax.address(text)
    except ValueError:
        raise ValueError("write a host name: letters, digits, dashes and dots") from None
    if ":" in name or name.rpartition(".")[2].isdigit():
        raise ValueError("write 'NAME: ADDRESS', not the other way round")
    return name.removesuffix(".")


def _pieces(reader: Reader, key: str) -> dict[str, str]:
    mapping = reader.mapping(key).free_reader(f"'{key}'")
    found = {}
    for name in mapping.top:
        checked(mapping, name, name, _piece_name)
        text = mapping.text(name)
        if text.count("{") != text.count("}"):
            what = f"{quoted(name)} opens {text.count('{')} braces and closes {text.count('}')}"
            raise mapping.error(name, what, "CoreDNS would not start with it")
        found[name] = text.rstrip() + "\n"
    return found


def _piece_name(text: str) -> str:
    if text in OWN_KEYS:
        raise ValueError("edgeboot uses this name itself; take another")
    if _KEY.fullmatch(text):
        return text
    raise ValueError("letters, digits, '-' and '_'; without .server or .override")


def _check_plugins(reader: Reader, overrides: Mapping[str, str]) -> None:
    for name, text in overrides.items():
        for line in text.splitlines():
            plugin = line.split(maxsplit=1)[0] if line.strip() else ""
            if plugin in _ONCE and not line[0].isspace():
                where = reader.mapping("overrides").free_reader("'overrides'")
                raise where.error(name, f"plugin '{plugin}' in an override", _ONCE[plugin])


def _check_zones(
    reader: Reader, servers: Mapping[str, str], hosts: Mapping[str, tuple[str, ...]]
) -> None:
    """CoreDNS does not start where a zone is served twice on a port."""
    seen = {(".", "53"): "the default block", **{(name, "53"): "'hosts'" for name in hosts}}
    where = reader.mapping("servers").free_reader("'servers'")
    for piece, text in servers.items():
        zones = list(_zones(text))
        if not zones:
            what = f"{quoted(piece)} is no server block"
            raise where.error(piece, what, "begin it with 'ZONE:53 {'")
        for zone in zones:
            if zone in seen:
                what = f"{zone[0]}:{zone[1]} is served by {seen[zone]} already"
                raise where.error(piece, what, "serve each zone once")
            seen[zone] = f"'{piece}'"


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
