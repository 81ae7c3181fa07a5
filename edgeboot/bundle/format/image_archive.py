"""Composes the image archives that K3s imports, streaming from blobs.

An archive is an OCI layout in an uncompressed tar, plus ``manifest.json`` for ``docker load``. It
has no other members because containerd ingests every member as a blob. Its bytes depend only on
its images, so its digest is known when a bundle is built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from edgeboot.blob import Blob, Source
from edgeboot.bundle.format.contents import Image, ImageArchive
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import short_name, tag
from edgeboot.bundle.tar.writer import END, footprint, header, padding
from edgeboot.errors import Refused
from edgeboot.json_document import canonical

Fetch = Callable[[Blob], Source]


@dataclass(frozen=True)
class Composition:
    """An archive to stream: its members in order, as bytes or source."""

    members: tuple[tuple[str, bytes | Source], ...]

    @property
    def size(self) -> int:
        """Length of the archive in bytes."""
        return sum(footprint(_size(data)) for _, data in self.members) + len(END)

    def stream(self) -> Iterator[bytes]:
        """Yield the archive's bytes; raises what the blobs' sources raise."""
        for name, data in self.members:
            yield header(name, _size(data))
            if isinstance(data, bytes):
                yield data
            else:
                yield from data.open()
            yield padding(_size(data))
        yield END

    def blob(self) -> Blob:
        """Return digest and size; reads every blob."""
        digest = hashlib.sha256()
        for chunk in self.stream():
            digest.update(chunk)
        return Blob(digest.hexdigest(), self.size)


def compose(images: Iterable[Image], fetch: Fetch) -> Composition:
    """Return the archive of ``images`` (all of one architecture); reads only their manifests."""
    ordered = sorted(images, key=lambda image: image.name)
    blobs = {blob.sha256: blob for image in ordered for blob in image.blobs}
    index = {
        "schemaVersion": 2,
        "mediaType": documents.INDEX,
        "manifests": [_entry(image, blobs) for image in ordered],
    }
    docker = [_docker_entry(image, blobs, fetch) for image in ordered]
    return Composition(
        (
            ("oci-layout", canonical({"imageLayoutVersion": "1.0.0"})),
            ("index.json", canonical(index)),
            ("manifest.json", canonical(docker)),
            *((f"blobs/sha256/{sha}", fetch(blobs[sha])) for sha in sorted(blobs)),
        )
    )


def group(images: Iterable[Image], fetch: Fetch) -> tuple[ImageArchive, ...]:
    """Return one archive for each set of images (of one architecture) that share layers.

    An archive is named after its first image in alphabetical order, with a number if that name is
    taken.
    """
    archives: list[ImageArchive] = []
    taken: set[str] = set()
    for members in _components(sorted(images, key=lambda image: image.name)):
        lead = short_name(members[0].name)
        name = next(n for n in _numbered(lead) if n not in taken)
        taken.add(name)
        blob = compose(members, fetch).blob()
        names = tuple(image.name for image in members)
        archives.append(ImageArchive(name, members[0].arch, blob, names))
    return tuple(archives)


def _components(images: list[Image]) -> list[list[Image]]:
    """Return sets of images that share blobs, ordered by their first members."""
    groups: list[tuple[set[str], list[Image]]] = []
    for image in images:
        digests = {blob.sha256 for blob in image.blobs}
        joined = [g for g in groups if g[0] & digests]
        groups = [g for g in groups if not g[0] & digests]
        members = [member for g in joined for member in g[1]]
        groups.append((digests.union(*(g[0] for g in joined)), [*members, image]))
    found = [sorted(members, key=lambda image: image.name) for _, members in groups]
    return sorted(found, key=lambda members: members[0].name)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _entry(image: Image, blobs: dict[str, Blob]) -> dict[str, object]:
    annotations = {documents.NAME: image.name}
    if (label := tag(image.name)) is not None:
        annotations[documents.REF_NAME] = label
    return documents.descriptor(image.media_type, blobs[image.digest]) | {
        "annotations": annotations
    }


def _docker_entry(image: Image, blobs: dict[str, Blob], fetch: Fetch) -> dict[str, object]:
    blob = blobs[image.manifest]
    where = f"manifest of {image.name}"
    if blob.size > documents.DOCUMENT_MAX:
        raise Refused(
            f"{where} has {blob.size} bytes, more than the limit of {documents.DOCUMENT_MAX}"
        )
    manifest = documents.read_manifest(b"".join(fetch(blob).open()), where)
    return {
        "Config": f"blobs/sha256/{manifest.config.blob.sha256}",
        "RepoTags": [image.name] if tag(image.name) else [],
        "Layers": [f"blobs/sha256/{layer.blob.sha256}" for layer in manifest.layers],
    }


def _size(data: bytes | Source) -> int:
    return len(data) if isinstance(data, bytes) else data.size
