"""Splits image archives into blobs.

Two layouts are supported: OCI (containerd's exports, K3s releases) and the older docker-archive.
Blobs of an OCI archive are kept unchanged. A docker-archive has uncompressed layers and no
manifest: its layers are compressed, and a manifest is generated.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeboot import json_document
from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import full_name
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.tar import untar
from edgeboot.errors import Refused
from edgeboot.platform import ARCHES, Arch

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_CONVERT = "rewrite it with `skopeo copy docker-archive:OLD oci-archive:NEW:NAME`"


def take_apart(path: Path, arches: Iterable[Arch], store: Store, what: str) -> tuple[Image, ...]:
    """Return an archive's images for any of ``arches``, with their blobs added to ``store``.

    Verifies every blob against its name and descriptor, and every config against its declared
    architecture. ``what`` names the archive in errors. Raises Refused if the archive is damaged or
    invalid, or if an image is for none of ``arches``.
    """
    members: dict[str, Blob] = {}
    with untar.opened(path, what) as entries:
        for member in entries:
            match = _BLOB.fullmatch(member.name)
            label = f"{member.name} in {what}"
            members[member.name] = store.add(
                member.chunks(), expected=match[1] if match else None, what=label
            )
    archive = _Archive(what, members, store)
    if "oci-layout" in members:
        return tuple(archive.oci_images(tuple(arches)))
    if "manifest.json" in members:
        return tuple(archive.docker_images(tuple(arches)))
    raise Refused(f"{what} is not an image archive: it has neither oci-layout nor manifest.json")


@dataclass(frozen=True)
class _Archive:
    what: str
    members: Mapping[str, Blob]
    store: Store

    def oci_images(self, arches: tuple[Arch, ...]) -> Iterator[Image]:
        if "index.json" not in self.members:
            raise Refused(f"{self.what} has an oci-layout but no index.json")
        where = f"{self.what}: index.json"
        for entry in documents.read_index(self._document(self.members["index.json"], where), where):
            if entry.annotations.get("vnd.docker.reference.type"):  # an attestation
                continue
            name = self._name(entry)
            found = [i for arch in arches if (i := self._image(name, entry, arch)) is not None]
            if not found:
                raise self._wrong_platform(name, entry, arches)
            yield from found

    def docker_images(self, arches: tuple[Arch, ...]) -> Iterator[Image]:
        where = f"{self.what}: manifest.json"
        root = json_document.parse(self._document(self.members["manifest.json"], where), where)
        for entry in root.items():
            tags = entry.get("RepoTags")
            names = [self._full(node.text()) for node in tags.items()] if tags else []
            if not names:
                raise entry.bad("has no RepoTags, so the image has no name")
            config = self._member(entry.member("Config"))
            where_config = f"{self.what}: config of {names[0]}"
            data = self._document(config, where_config)
            platform = documents.read_platform(data, where_config)
            arch = next((a for a in arches if platform.rank(a) is not None), None)
            if arch is None:
                raise _mismatch(f"{names[0]} in {self.what}", str(platform), arches)
            plain = [self._member(node) for node in entry.member("Layers").items(500)]
            if documents.read_diff_ids(data, where_config) != tuple(blob.sha256 for blob in plain):
                raise Refused(
                    f"the layers of {names[0]} in {self.what} do not match its config",
                    hint=_CONVERT,
                )
            layers = [self._compressed(blob) for blob in plain]
            manifest = self._manifest(config, layers)
            blobs = _unique((manifest, config, *layers))
            for name in names:
                yield Image(
                    name, arch.name, manifest.sha256, manifest.sha256, documents.MANIFEST, blobs
                )

    def _image(self, name: str, entry: documents.Descriptor, arch: Arch) -> Image | None:
        """Return the image for one architecture from an entry of index.json, or None."""
        chosen = self._choose(name, entry, arch)
        blobs = None if chosen is None else self._blobs(name, chosen, arch)
        if chosen is None or (blobs is None and chosen is entry):
            return None
        if blobs is None:
            raise Refused(f"{name} in {self.what}: its index says {arch.name}, its config does not")
        return Image(
            name,
            arch.name,
            entry.blob.sha256,
            chosen.blob.sha256,
            entry.media_type,
            _unique((entry.blob, *blobs)),
        )

    def _choose(
        self, name: str, entry: documents.Descriptor, arch: Arch
    ) -> documents.Descriptor | None:
        """Return the best manifest for an architecture: the entry, or a child in the archive.

        An index may list children that the archive does not contain.
        """
        if entry.media_type in documents.MANIFESTS:
            return entry
        if entry.media_type not in documents.INDEXES:
            raise Refused(
                f"{name} in {self.what} has the unsupported media type {entry.media_type[:80]!r}"
            )
        where = f"{self.what}: index of {name}"
        best: tuple[int, documents.Descriptor] | None = None
        for child in documents.read_index(self._document(self._blob(entry), where), where):
            rank = child.platform.rank(arch) if child.platform else None
            there = f"blobs/sha256/{child.blob.sha256}" in self.members
            if child.media_type in documents.MANIFESTS and there and rank is not None:
                best = min(best or (rank, child), (rank, child), key=lambda pair: pair[0])
        return best[1] if best else None

    def _blobs(
        self, name: str, manifest: documents.Descriptor, arch: Arch
    ) -> tuple[Blob, ...] | None:
        """Return manifest, config and layers; None if the config is for another architecture."""
        where = f"{self.what}: manifest of {name}"
        read = documents.read_manifest(self._document(self._blob(manifest), where), where)
        where = f"{self.what}: config of {name}"
        platform = documents.read_platform(self._document(self._blob(read.config), where), where)
        if platform.rank(arch) is None:
            return None
        layers = (self._blob(layer) for layer in read.layers)
        return (manifest.blob, read.config.blob, *layers)

    def _wrong_platform(
        self, name: str, entry: documents.Descriptor, arches: tuple[Arch, ...]
    ) -> Refused:
        label = f"{name} in {self.what}"
        others = (a for a in ARCHES.values() if self._image(name, entry, a) is not None)
        return _mismatch(label, ", ".join(a.name for a in others) or "another platform", arches)

    def _blob(self, wanted: documents.Descriptor) -> Blob:
        """Return the blob of a descriptor; raises Refused if it is missing or its size differs."""
        blob = self.members.get(f"blobs/sha256/{wanted.blob.sha256}")
        if blob is None:
            raise Refused(f"{self.what} lacks the blob sha256:{wanted.blob.sha256}")
        if blob.size != wanted.blob.size:
            raise Refused(
                f"{self.what}: the blob sha256:{blob.sha256} has {blob.size} bytes, "
                f"its descriptor says {wanted.blob.size}"
            )
        return blob

    def _member(self, node: json_document.Node) -> Blob:
        name = node.text()
        if name not in self.members:
            raise Refused(f"{self.what} lacks {name[:100]!r}", hint=_CONVERT)
        return self.members[name]

    def _document(self, blob: Blob, where: str) -> bytes:
        if blob.size > documents.DOCUMENT_MAX:
            raise Refused(
                f"{where} has {blob.size} bytes, more than the limit of {documents.DOCUMENT_MAX}"
            )
        return b"".join(self.store.source(blob).open())

    def _name(self, entry: documents.Descriptor) -> str:
        name = entry.annotations.get(documents.NAME) or entry.annotations.get(
            documents.REF_NAME, ""
        )
        if "/" not in name and ":" not in name:
            raise Refused(
                f"{self.what} does not name its image sha256:{entry.blob.sha256}",
                hint=f"set the annotation {documents.NAME} in its index.json to the full name, or "
                "write it with `skopeo copy SOURCE oci-archive:FILE:REGISTRY/REPOSITORY:TAG`",
            )
        return self._full(name)

    def _full(self, name: str) -> str:
        try:
            return full_name(name)
        except ValueError as error:
            raise Refused(f"{self.what}: {error}") from None

    def _compressed(self, plain: Blob) -> Blob:
        return self.store.add(
            _gzip(self.store.source(plain).open()), what=f"a layer of {self.what}"
        )

    def _manifest(self, config: Blob, layers: list[Blob]) -> Blob:
        document = {
            "schemaVersion": 2,
            "mediaType": documents.MANIFEST,
            "config": documents.descriptor(documents.CONFIG, config),
            "layers": [documents.descriptor(documents.LAYER_GZIP, layer) for layer in layers],
        }
        return self.store.add(
            [json_document.canonical(document)], what=f"a manifest of {self.what}"
        )


def _mismatch(label: str, found: str, arches: tuple[Arch, ...]) -> Refused:
    wanted = " or ".join(arch.name for arch in arches)
    return Refused(f"{label} is for {found}, not for {wanted}")


def _unique(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    return tuple(dict.fromkeys(blobs))


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress bytes reproducibly: zlib's gzip header has no time and no name."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
