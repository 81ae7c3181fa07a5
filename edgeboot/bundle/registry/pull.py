"""Pulls images for several architectures into a store, with blobs in parallel.

The original index is kept. A failing image does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.platforms import PlatformManifest, best, manifests, runs_on
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.client import Document, Registry
from edgeboot.bundle.store.blobs import DiskFailed, Store
from edgeboot.errors import EdgebootError, Interrupted, Refused
from edgeboot.events import BytesFetched, Listener, Note, silent
from edgeboot.localio.progress import Tally
from edgeboot.localio.workers import Workers, workers
from edgeboot.platform import Arch

WORKERS = 6  # parallel downloads, as in skopeo
NAME = "images"  # name in progress events

T = TypeVar("T")
_W = TypeVar("_W")


@dataclass(frozen=True)
class Wanted:
    """An image to pull, for each of ``arches``."""

    reference: Reference
    arches: tuple[Arch, ...]


@dataclass(frozen=True)
class _PlatformImage:
    """An image of one architecture, with a verified config."""

    image: Image
    layers: tuple[Blob, ...]


class Pull:
    """Pulls images from ``registry`` into ``store``."""

    def __init__(self, registry: Registry, store: Store, listener: Listener = silent) -> None:
        self._registry = registry
        self._store = store
        self._tally = Tally(partial(BytesFetched, NAME), listener)
        self._tell = listener

    def run(self, wanted: Iterable[Wanted]) -> list[tuple[Image, ...] | EdgebootError]:
        """Pull images; returns images or an error for each of ``wanted``, in order."""
        images = tuple(wanted)
        with workers(WORKERS, self._registry.abort) as pool:
            parts = _all(pool, self._describe, images)
            references: dict[Blob, Reference] = {}
            for want, found in zip(images, parts, strict=True):
                for part in found if isinstance(found, tuple) else ():
                    for layer in part.layers:
                        references.setdefault(layer, want.reference)
            # largest first, to keep all workers busy until the end
            blobs = sorted(references, key=lambda blob: (-blob.size, blob.sha256))
            self._tally.total = sum(blob.size for blob in blobs)
            outcomes = _all(pool, lambda blob: self._blob(references[blob], blob), blobs)
        failed = {
            blob: outcome
            for blob, outcome in zip(blobs, outcomes, strict=True)
            if isinstance(outcome, EdgebootError)
        }
        for host, left in sorted(self._registry.limits.items()):
            self._tell(Note(f"rate limit of {host}: {left} pulls left"))
        return [_outcome(found, failed) for found in parts]

    def _describe(self, want: Wanted) -> tuple[_PlatformImage, ...]:
        """Download the indexes, manifests and configs of an image, which list its layers."""
        top = self._registry.manifest(want.reference)
        _keep(top, self._store)
        read = _Documents(self._registry, self._store, want.reference, top)
        descriptor = documents.Descriptor(top.media_type, top.blob, {}, None)
        found = manifests(descriptor, read, str(want.reference))
        return tuple(self._platform_image(want.reference, found, read, a) for a in want.arches)

    def _platform_image(
        self,
        reference: Reference,
        found: tuple[PlatformManifest, ...],
        read: _Documents,
        arch: Arch,
    ) -> _PlatformImage:
        if (chosen := best(found, arch)) is None:
            raise _unavailable(reference, found, arch)
        manifest = documents.read_manifest(
            read.manifest(chosen.manifest), f"the manifest of {reference}"
        )
        config = read.config(manifest.config)
        platform = documents.read_platform(config, f"the config of {reference}")
        if not platform.may_be(arch):
            raise Refused(
                f"{reference} is for {platform}, although its index says {arch.name}",
                hint="ask its publisher for an image with a correct index",
            )
        layers = tuple(layer.blob for layer in manifest.layers)
        documents_ = (*(one.blob for one in chosen.path), manifest.config.blob)
        return _PlatformImage(
            Image(
                reference.name,
                arch.name,
                chosen.path[0].blob.sha256,
                chosen.manifest.blob.sha256,
                chosen.path[0].media_type,
                tuple(dict.fromkeys((*documents_, *layers))),
            ),
            layers,
        )

    def _blob(self, reference: Reference, blob: Blob) -> None:
        if self._store.find(blob.sha256) == blob:
            self._tally.arrived(blob.size)
        else:
            self._registry.blob(reference, blob, self._store, self._tally.arrived)


def _all(pool: Workers, work: Callable[[_W], T], things: Iterable[_W]) -> list[T | EdgebootError]:
    """Return the result or the expected error of each call, in order."""

    def outcome(thing: _W) -> T | EdgebootError:
        try:
            return work(thing)
        except (Interrupted, DiskFailed):
            raise
        except EdgebootError as error:
            return error

    return pool.map(outcome, things)


def _outcome(
    found: tuple[_PlatformImage, ...] | EdgebootError, failed: dict[Blob, EdgebootError]
) -> tuple[Image, ...] | EdgebootError:
    if isinstance(found, EdgebootError):
        return found
    for part in found:
        for layer in part.layers:
            if layer in failed:
                return failed[layer]
    return tuple(part.image for part in found)


@dataclass(frozen=True)
class _Documents:
    """The documents of one image in a registry; implements ``platforms.Documents``."""

    registry: Registry
    store: Store
    reference: Reference
    top: Document

    def manifest(self, descriptor: documents.Descriptor) -> bytes:
        """Return an index or manifest, and keep it in the store."""
        wanted = descriptor.blob
        if wanted == self.top.blob:
            return self.top.data
        if self.store.find(wanted.sha256) == wanted and wanted.size <= documents.DOCUMENT_MAX:
            return b"".join(self.store.source(wanted).open())
        at = self.reference
        pinned = Reference(at.registry, at.repository, None, wanted.sha256)
        document = self.registry.manifest(pinned)
        if document.blob != wanted:
            raise Refused(
                f"the manifest {pinned.name} has {document.blob.size} bytes, "
                f"its index says {wanted.size}"
            )
        _keep(document, self.store)
        return document.data

    def config(self, descriptor: documents.Descriptor) -> bytes:
        """Return a config, and keep it in the store."""
        config = descriptor.blob
        if config.size > documents.DOCUMENT_MAX:
            raise Refused(f"the manifest of {self.reference} has a config of {config.size} bytes")
        self.registry.blob(self.reference, config, self.store)
        return b"".join(self.store.source(config).open())


def _keep(document: Document, store: Store) -> None:
    store.add([document.data], expected=document.blob.sha256, what="a manifest")


def _unavailable(reference: Reference, found: tuple[PlatformManifest, ...], arch: Arch) -> Refused:
    """Return the error for an image that is not for an architecture."""
    there = ", ".join(sorted({str(one.platform) for one in found})) or "no platform at all"
    names = ", ".join(one.name for one in runs_on(found))
    hint = (
        f"restrict it to its architectures: 'arches: [{names}]'"
        if names
        else "use an image for linux on amd64, arm64 or arm"
    )
    return Refused(f"{reference} has no image for {arch.name}, only for {there}", hint=hint)
