"""Finds the image of an architecture below an index, as containerd does.

Indexes may be nested, and their entries may lack a platform: then the image's config states it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.documents import Descriptor, Platform
from edgeboot.errors import Refused
from edgeboot.platform import ARCHES, Arch

_DEPTH = 4
_MANIFESTS = 200  # in one tree


class Documents(Protocol):
    """Reads the documents of an image."""

    def manifest(self, descriptor: Descriptor) -> bytes | None:
        """Return an index or a manifest; None if it is not there."""

    def config(self, descriptor: Descriptor) -> bytes:
        """Return a config."""


@dataclass(frozen=True)
class PlatformManifest:
    """The manifest of one platform; ``path`` are the indexes on the way to it, and itself."""

    path: tuple[Descriptor, ...]
    platform: Platform

    @property
    def manifest(self) -> Descriptor:
        """The manifest's descriptor."""
        return self.path[-1]


def manifests(top: Descriptor, read: Documents, where: str) -> tuple[PlatformManifest, ...]:
    """Return the manifests below ``top``, which is an index or a manifest.

    Leaves out manifests that ``read`` does not have, and artifacts such as attestations. Raises
    Refused if a document is invalid, or if indexes are nested too deeply or list too much.
    """
    found = []
    for one in _below((top,), read, where):
        found.append(one)
        if len(found) > _MANIFESTS:
            raise Refused(f"{where} lists more than {_MANIFESTS} manifests")
    return tuple(found)


def best(found: tuple[PlatformManifest, ...], arch: Arch) -> PlatformManifest | None:
    """Return the manifest that fits an architecture best.

    A single image whose config does not state its architecture fits every one.
    """
    ranked = [(rank, one) for one in found if (rank := one.platform.rank(arch)) is not None]
    if ranked:
        return min(ranked, key=lambda pair: pair[0])[1]
    single = len(found) == 1 and len(found[0].path) == 1
    return found[0] if single and found[0].platform.may_be(arch) else None


def runs_on(found: tuple[PlatformManifest, ...]) -> tuple[Arch, ...]:
    """Return the architectures that an image supports."""
    return tuple(arch for arch in ARCHES.values() if best(found, arch) is not None)


def _below(path: tuple[Descriptor, ...], read: Documents, where: str) -> Iterator[PlatformManifest]:
    here = path[-1]
    if here.media_type in documents.MANIFESTS:
        platform = here.platform or _stated(here, read, where)
        if platform is not None:
            yield PlatformManifest(path, platform)
        return
    if len(path) > _DEPTH:
        raise Refused(f"{where} has indexes nested deeper than {_DEPTH}")
    if (data := read.manifest(here)) is None:
        return
    children = documents.read_index(data, f"the index of {where}")
    if len(children) > _MANIFESTS:
        raise Refused(f"the index of {where} lists more than {_MANIFESTS} manifests")
    for child in children:
        if child.media_type in (*documents.INDEXES, *documents.MANIFESTS) and child.is_image:
            yield from _below((*path, child), read, where)


def _stated(manifest: Descriptor, read: Documents, where: str) -> Platform | None:
    """Return the platform that a config states; None without an image."""
    if (data := read.manifest(manifest)) is None:
        return None
    label = f"the manifest of {where}"
    if documents.is_artifact(data, label):
        return None
    config = documents.read_manifest(data, label).config
    return documents.read_platform(read.config(config), f"the config of {where}")
