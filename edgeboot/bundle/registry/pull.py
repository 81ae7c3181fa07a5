"""Pulls images for several architectures: the original index, one manifest each, every blob once.

One image that fails does not hide the others. Blobs come in parallel and go to a store.
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

WORKERS = 6  # blobs under way at once, as skopeo has it
NAME = "images"  # what the bytes of a pull are reported as

T = TypeVar("T")
_W = TypeVar("_W")


@dataclass(frozen=True)
class Wanted:
    """An image to pull, for each of ``arches``."""

    reference: Reference
    arches: tuple[Arch, ...]


@dataclass(frozen=True)
class _PlatformImage:
    """An image of one architecture whose config has been looked at."""

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
        """For each of ``wanted``, in their order, its images or what went wrong."""
        images = tuple(wanted)
        with workers(WORKERS, self._registry.abort) as pool:
            parts = _all(pool, self._describe, images)
            references: dict[Blob, Reference] = {}
            for want, found in zip(images, parts, strict=True):
                for part in found if isinstance(found, tuple) else ():
                    for layer in part.layers:
                        references.setdefault(layer, want.reference)
            # the largest first, so that none is left to come alone at the end
            blobs = sorted(references, key=lambda blob: (-blob.size, blob.sha256))
            self._tally.total = sum(blob.size for blob in blobs)
            outcomes = _all(pool, lambda blob: self._blob(references[blob], blob), blobs)
        failed = {
            blob: outcome
            for blob, outcome in zip(blobs, outcomes, strict=True)
            if isinstance(outcome, EdgebootError)
        }
        for host, left in sorted(self._registry.limits.items()):
            self._tell(Note(f"{host} has {left} pulls left in its rate limit"))
        return [_outcome(found, failed) for found in parts]

    def _describe(self, want: Wanted) -> tuple[_PlatformImage, ...]:
        """Indexes, manifests and configs of an image: they say what else there is to fetch."""
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
                hint="name the architectures it exists for: 'arches: [amd64]'",
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
        """The manifest that suits an architecture best: the document itself or a child of it."""
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
                hint=f"name the architectures it exists for: 'arches: {_known(top)}'",
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
    """The outcome of each piece of work: what it returned, or its expected error."""
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
    """The architectures of ours that an index has images for, as a list to write."""
    platforms = [child.platform for child in documents.read_index(top.data, "the index")]
    names = [
        arch.name
        for arch in ARCHES.values()
        if any(p and p.rank(arch) is not None for p in platforms)
    ]
    return f"[{', '.join(names)}]"
