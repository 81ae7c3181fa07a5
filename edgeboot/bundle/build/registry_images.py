"""The sections of ``bundle.yml`` about images and registries.

Each function raises BadInput with file:line for every mistake in what it reads.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle.build.component_images import COMPONENTS
from edgeboot.bundle.http.urls import web_url
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.platform import ARCHES, Arch
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping, Scalar
from edgeboot.yaml.wording import quoted, suggestion

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class ImageEntry:
    """An image to pull; ``arches`` None means all architectures of the bundle."""

    reference: Reference
    arches: tuple[Arch, ...] | None
    where: str


def image(mapping: Mapping) -> ImageEntry:
    """Read an entry of ``images`` that names an image to pull."""
    problems = Problems()
    keys = ("name", "arches") if "name" in mapping else ("name", "arches", "archive")
    reader = reader_of(mapping, keys, "an image", problems)
    chosen: tuple[Arch, ...] | None = None
    with problems:
        name = reader.text("name")
        try:
            reference = parse(name)
        except ValueError as error:
            hint = "write it like docker.io/library/nginx:1.27 or with @sha256:…"
            raise reader.error("name", str(error), hint) from None
    with problems:
        chosen = arches(reader) if reader.has("arches") else None
    problems.raise_any()
    return ImageEntry(reference, chosen, mapping.where())


def arches(reader: Reader) -> tuple[Arch, ...]:
    """Read ``arches``; returns architectures in the order of ARCHES."""
    names = _texts_among(reader, "arches", tuple(ARCHES), "architecture")
    if not names or len(set(names)) < len(names):
        raise reader.error("arches", "'arches' must list at least one architecture, and none twice")
    return tuple(arch for arch in ARCHES.values() if arch.name in names)


def _texts_among(reader: Reader, key: str, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    names = reader.texts(key)
    for name in names:
        if name not in known:
            raise reader.error(key, f"unknown {what} {quoted(name)}", suggestion(name, known))
    return names


def left_out(reader: Reader) -> tuple[str, ...]:
    """Read ``images`` of ``k3s``: ``all`` or ``without: [traefik]``; returns components to omit."""
    if not reader.has("images") or isinstance(reader.value("images"), Scalar):
        if reader.has("images") and reader.text("images") != "all":
            hint = "write 'images: all' or 'images: {without: [traefik]}'"
            raise reader.error("images", "invalid 'images' of 'k3s'", hint)
        return ()
    inner = reader_of(reader.mapping("images"), ("without",), "'images' of 'k3s'")
    names = _texts_among(inner, "without", tuple(COMPONENTS), "component")
    if "helm-controller" in names and "traefik" not in names:
        hint = "leave out 'traefik' as well"
        raise inner.error("without", "helm-controller is needed to install traefik", hint)
    return tuple(sorted(set(names)))


def registries(reader: Reader, base: Path) -> tuple[RegistrySettings, ...]:
    """Read the section ``registries``, a mapping from host to settings."""
    top, problems = reader.mapping("registries"), Problems()
    outer = Reader(top, "'registries'")
    found = []
    for host in top:
        with problems:
            if not _HOST.fullmatch(host):
                hint = "write HOST or HOST:PORT, like registry.example:5000"
                raise outer.error(host, f"invalid registry {quoted(host)}", hint)
            found.append(_settings(host, outer.mapping(host), base))
    problems.raise_any()
    return tuple(found)


def _settings(host: str, mapping: Mapping, base: Path) -> RegistrySettings:
    problems = Problems()
    keys = ("mirrors", "ca", "plain-http", "token-host")
    reader = reader_of(mapping, keys, "a registry", problems)
    with problems:
        mirrors = _mirrors(reader)
    with problems:
        ca = reader.text("ca", None)
        if ca is not None and not os.path.isfile(base / ca):
            raise reader.error(
                "ca", f"no such file: {base / ca}", "set it to the PEM file of the registry's CA"
            )
    with problems:
        plain = reader.boolean("plain-http", None)
        if plain and reader.has("ca"):
            raise reader.error("plain-http", "'ca' and 'plain-http' are mutually exclusive")
    with problems:
        token_host = reader.text("token-host", None)
        if token_host is not None and not _HOST.fullmatch(token_host):
            hint = "write HOST or HOST:PORT"
            raise reader.error("token-host", f"invalid host {quoted(token_host)}", hint)
    problems.raise_any()
    return RegistrySettings(host, mirrors, base / ca if ca else None, plain, token_host)


def _mirrors(reader: Reader) -> tuple[str, ...]:
    mirrors = reader.texts("mirrors")
    for mirror in mirrors:
        parts = web_url(mirror if "://" in mirror else f"https://{mirror}")
        if parts is None or not _HOST.fullmatch(parts.netloc):
            what = f"invalid mirror {quoted(mirror)}"
            raise reader.error("mirrors", what, "write a host or an http(s) URL, without a user")
        if parts.query or parts.fragment:
            raise reader.error("mirrors", "a mirror must not have a query or fragment")
    return mirrors
