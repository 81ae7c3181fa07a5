"""Pulls images for several architectures into a store, with blobs in parallel.

The original index is kept. A failing image does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.client import Document, Registry
from edgeboot.bundle.store.blobs import DiskFailed, Store
from edgeboot.errors import EdgebootError, Interrupted, Refused
from edgeboot.events import BytesFetched, Listener, Note, silent
from edgeboot.localio.progress import Tally
from edgeboot.localio.workers import workers
from edgeboot.platform import ARCHES, Arch

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
        """Download the index, manifests and configs of an image, which list its layers."""
        top = self._registry.manifest(want.reference)
        self._keep(top)
        return tuple(self._platform_image(want.reference, top, arch) for arch in want.arches)

    def _platform_image(self, reference: Reference, top: Document, arch: Arch) -> _PlatformImage:
        manifest = self._choose(reference, top, arch)
        where = f"the manifest of {reference}"
        read = documents.read_manifest(manifest.data, where)
        config = read.config.blob
        if config.size > documents.DOCUMENT_MAX:
            raise Refused(f"{where} has a config of {config.size} bytes")
        self._registry.blob(reference, config, self._store)
        data = b"".join(self._store.source(config).open())
        platform = documents.read_platform(data, f"the config of {reference}")
        if platform.rank(arch) is None:
            raise Refused(
                f"{reference} is for {platform}, not for {arch.name}",
                hint="restrict it to its architectures, for example 'arches: [amd64]'",
            )
        layers = tuple(layer.blob for layer in read.layers)
        blobs = tuple(dict.fromkeys((top.blob, manifest.blob, config, *layers)))
        return _PlatformImage(
            Image(
                reference.name,
                arch.name,
                top.blob.sha256,
                manifest.blob.sha256,
                top.media_type,
                blobs,
            ),
            layers,
        )

    def _choose(self, reference: Reference, top: Document, arch: Arch) -> Document:
        """Return the best manifest for an architecture: the document or one of its children."""
        if top.media_type in documents.MANIFESTS:
            return top
        children = [
            (rank, child)
            for child in documents.read_index(top.data, f"the index of {reference}")
            if child.platform and (rank := child.platform.rank(arch)) is not None
            if child.media_type in documents.MANIFESTS
        ]
        if not children:
            there = (
                child.platform
                for child in documents.read_index(top.data, f"the index of {reference}")
                if child.platform and child.platform.os != "unknown"
            )
            raise Refused(
                f"{reference} has no image for {arch.name}, only for "
                f"{', '.join(sorted(map(str, there))) or 'nothing'}",
                hint=f"restrict it to its architectures: 'arches: {_known(top)}'",
            )
        _, best = min(children, key=lambda pair: pair[0])
        pinned = Reference(reference.registry, reference.repository, None, best.blob.sha256)
        document = self._registry.manifest(pinned)
        if document.blob != best.blob:
            raise Refused(
                f"the manifest {pinned.name} has {document.blob.size} bytes, "
                f"its index says {best.blob.size}"
            )
        self._keep(document)
        return document

    def _keep(self, document: Document) -> None:
        blob = document.blob
        self._store.add([document.data], expected=blob.sha256, what="a manifest")

    def _blob(self, reference: Reference, blob: Blob) -> None:
        if self._store.find(blob.sha256) == blob:
            self._tally.arrived(blob.size)
        else:
            self._registry.blob(reference, blob, self._store, self._tally.arrived)


def _all(
    pool: ThreadPoolExecutor, work: Callable[[_W], T], things: Iterable[_W]
) -> list[T | EdgebootError]:
    """Return the result or the expected error of each call, in order."""
    futures: list[Future[T]] = [pool.submit(work, thing) for thing in things]
    outcomes: list[T | EdgebootError] = []
    for future in futures:
        try:
            outcomes.append(future.result())
        except (Interrupted, DiskFailed):
            raise
        except EdgebootError as error:
            outcomes.append(error)
    return outcomes


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


def _known(top: Document) -> str:
    """Return the supported architectures of an index, as a YAML list."""
    platforms = [child.platform for child in documents.read_index(top.data, "the index")]
    names = [
        arch.name
        for arch in ARCHES.values()
        if any(p and p.rank(arch) is not None for p in platforms)
    ]
    return f"[{', '.join(names)}]"
