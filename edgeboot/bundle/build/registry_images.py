"""The parts of ``bundle.yml`` that speak of images in registries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edgeboot.bundle.build.component_images import COMPONENTS
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.platform import ARCHES, Arch
from edgeboot.yaml import strict

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class ImageEntry:
    """An image to pull; ``arches`` None means for all architectures of the bundle."""

    reference: Reference
    arches: tuple[Arch, ...] | None
    where: str


def image_entries(reader: strict.Reader) -> tuple[ImageEntry, ...]:
    """The entries of ``images`` that have a name; the others are archives."""
    found: dict[str, ImageEntry] = {}
    for mapping in reader.mappings("images"):
        if "name" not in mapping:
            continue
        entry = _image(mapping)
        if entry.reference.name in found:
            inner = mapping.reader(("name", "arches"), "an image")
            raise inner.error("name", f"the image {entry.reference.name} is listed twice")
        found[entry.reference.name] = entry
    return tuple(found.values())


def arches(reader: strict.Reader) -> tuple[Arch, ...]:
    """The architectures under ``arches``, in edgeboot's order."""
    names = reader.texts("arches")
    for name in names:
        if name not in ARCHES:
            near = strict.nearest(name, tuple(ARCHES))
            hint = f"did you mean '{near}'?" if near else f"known: {', '.join(ARCHES)}"
            raise reader.error("arches", f"unknown architecture {strict.quoted(name)}", hint)
    if not names or len(set(names)) < len(names):
        raise reader.error("arches", "name each architecture once, and at least one")
    return tuple(arch for arch in ARCHES.values() if arch.name in names)


def left_out(reader: strict.Reader) -> tuple[str, ...]:
    """``images`` of ``k3s``: ``all``, or ``without: [traefik]``; the components left out."""
    if not reader.has("images") or isinstance(reader.value("images"), strict.Scalar):
        if reader.has("images") and reader.text("images") != "all":
            hint = "write 'images: all' or 'images: {without: [traefik]}'"
            raise reader.error("images", "says neither all nor what to leave out", hint)
        return ()
    inner = reader.mapping("images").reader(("without",), "'images' of 'k3s'")
    names = inner.texts("without")
    for name in names:
        if name not in COMPONENTS:
            near = strict.nearest(name, tuple(COMPONENTS))
            hint = f"did you mean '{near}'?" if near else f"known: {', '.join(COMPONENTS)}"
            raise inner.error("without", f"unknown component {strict.quoted(name)}", hint)
    if "helm-controller" in names and "traefik" not in names:
        hint = "leave out 'traefik' as well"
        raise inner.error("without", "K3s installs traefik by its helm-controller", hint)
    return tuple(sorted(set(names)))


def registries(reader: strict.Reader, base: Path) -> tuple[RegistrySettings, ...]:
    """The section ``registries``: a mapping from each host to what is said of it."""
    top = reader.mapping("registries")
    found = []
    for host in top:
        outer = top.free_reader("'registries'")
        if not _HOST.fullmatch(host):
            hint = "write the host as in image names: registry.example:5000"
            raise outer.error(host, f"{strict.quoted(host)} is not a registry", hint)
        keys = ("mirrors", "ca", "plain-http", "token-host")
        found.append(_settings(host, outer.mapping(host).reader(keys, "a registry"), base))
    return tuple(found)


def _settings(host: str, reader: strict.Reader, base: Path) -> RegistrySettings:
    mirrors = reader.texts("mirrors")
    for mirror in mirrors:
        parts = urlsplit(mirror if "://" in mirror else f"https://{mirror}")
        if parts.scheme not in ("https", "http") or not _HOST.fullmatch(parts.netloc):
            what = f"{strict.quoted(mirror)} is not a mirror"
            raise reader.error("mirrors", what, "write a host or an http(s) URL, without a user")
        if parts.query or parts.fragment:
            raise reader.error("mirrors", "a mirror carries no query or fragment")
    ca, token_host = reader.text("ca", None), reader.text("token-host", None)
    if token_host is not None and not _HOST.fullmatch(token_host):
        raise reader.error("token-host", f"{strict.quoted(token_host)} is not a host")
    if ca is not None and not (base / ca).is_file():
        raise reader.error("ca", f"there is no file {base / ca}")
    plain = reader.boolean("plain-http", None)
    if plain and ca is not None:
        raise reader.error("plain-http", "'ca' and 'plain-http' exclude each other")
    return RegistrySettings(host, mirrors, base / ca if ca else None, plain, token_host)


def _image(mapping: strict.Mapping) -> ImageEntry:
    reader = mapping.reader(("name", "arches"), "an image")
    name = reader.text("name")
    try:
        reference = parse(name)
    except ValueError as error:
        hint = "write it like docker.io/library/nginx:1.27 or with @sha256:…"
        raise reader.error("name", str(error), hint) from None
    return ImageEntry(reference, arches(reader) if reader.has("arches") else None, mapping.where())
