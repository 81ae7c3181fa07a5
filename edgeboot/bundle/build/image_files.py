"""Splits image archives into blobs.

Two layouts are supported: OCI (containerd's exports, K3s releases) and the older docker-archive.
Blobs of an OCI archive are kept unchanged. A docker-archive has uncompressed layers and no
manifest: its layers are compressed unless they are, and a manifest is generated. A layer may be a
link to another member.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgeboot import json_document
from edgeboot.blob import Blob
from edgeboot.bundle.build.archive_layers import Layer, layer_of
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.platforms import PlatformManifest, best, manifests
from edgeboot.bundle.oci.reference import full_name
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.tar import untar
from edgeboot.errors import Refused
from edgeboot.platform import Arch

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_CONVERT = "rewrite it with `skopeo copy docker-archive:OLD oci-archive:NEW:NAME`"


def take_apart(path: Path, arches: Iterable[Arch], store: Store, what: str) -> tuple[Image, ...]:
    """Return an archive's images for any of ``arches``, with their blobs added to ``store``.

    Verifies every blob against its name and descriptor, and every config against its declared
    architecture. ``what`` names the archive in errors. Raises Refused if the archive is damaged or
    invalid, or if an image is for none of ``arches``.
    """
    members: dict[str, Blob] = {}
    links: dict[str, str] = {}
    with untar.opened(path, what, links=True) as entries:
        for member in entries:
            if member.link is not None:
                links[member.name] = member.link
                continue
            match = _BLOB.fullmatch(member.name)
            label = f"{member.name} in {what}"
            members[member.name] = store.add(
                member.chunks(), expected=match[1] if match else None, what=label
            )
    for name, target in links.items():
        if found := _linked(target, members, links):
            members[name] = found
    archive = _Archive(what, members, store)
    if "oci-layout" in members:
        return tuple(archive.oci_images(tuple(arches)))
    if "manifest.json" in members:
        return tuple(archive.docker_images(tuple(arches)))
    raise Refused(f"{what} is not an image archive: it has neither oci-layout nor manifest.json")


def _linked(target: str, members: Mapping[str, Blob], links: Mapping[str, str]) -> Blob | None:
    """Return the member that a link finally refers to; None if there is none."""
    for _ in range(len(links)):
        if target not in links:
            break
        target = links[target]
    return members.get(target)


@dataclass(frozen=True)
class _Archive:
    what: str
    members: Mapping[str, Blob]
    store: Store

    def oci_images(self, arches: tuple[Arch, ...]) -> Iterator[Image]:
        if "index.json" not in self.members:
            raise Refused(f"{self.what} has an oci-layout but no index.json")
        where = f"{self.what}: index.json"
        found: dict[str, list[Image]] = {}
        platforms: dict[str, list[PlatformManifest]] = {}
        for entry in documents.read_index(self._document(self.members["index.json"], where), where):
            if not self._is_image(entry):
                continue
            name = self._name(entry)
            there = manifests(replace(entry, platform=None), self, f"{name} in {self.what}")
            platforms.setdefault(name, []).extend(there)
            images = (self._image(name, there, arch) for arch in arches)
            found.setdefault(name, []).extend(image for image in images if image is not None)
        if not found:
            raise Refused(f"{self.what} has no container image, only artifacts such as signatures")
        for name, images_ in found.items():
            if not images_:
                raise self._wrong_platform(name, platforms[name], arches)
            yield from _without_repeats(images_)

    def _is_image(self, entry: documents.Descriptor) -> bool:
        """Report whether an entry of index.json is an image, and not an artifact beside one."""
        known = (*documents.INDEXES, *documents.MANIFESTS)
        if not entry.is_image:
            return False
        if entry.media_type not in known:
            raise Refused(
                f"{self.what} has the unsupported media type {entry.media_type[:80]!r} for "
                f"sha256:{entry.blob.sha256}"
            )
        if entry.media_type in documents.INDEXES:
            return True
        data = self._document(self._blob(entry), f"{self.what}: a manifest")
        return not documents.is_artifact(data, f"{self.what}: a manifest")

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
            arch = next((a for a in arches if platform.may_be(a)), None)
            if arch is None:
                raise _mismatch(f"{names[0]} in {self.what}", str(platform), arches)
            diff_ids = documents.read_diff_ids(data, where_config)
            files = [self._member(node) for node in entry.member("Layers").items(500)]
            layers = [
                layer_of(blob, diff_id, self.store, self.what)
                for blob, diff_id in zip(files, diff_ids, strict=False)
            ]
            if len(files) != len(diff_ids) or None in layers:
                raise Refused(
                    f"the layers of {names[0]} in {self.what} do not match its config",
                    hint=_CONVERT,
                )
            known = [layer for layer in layers if layer is not None]
            manifest = self._manifest(config, known)
            blobs = _unique((manifest, config, *(layer.blob for layer in known)))
            for name in names:
                yield Image(
                    name, arch.name, manifest.sha256, manifest.sha256, documents.MANIFEST, blobs
                )

    def _image(self, name: str, there: tuple[PlatformManifest, ...], arch: Arch) -> Image | None:
        """Return the image for one architecture from an entry of index.json, or None."""
        if (chosen := best(there, arch)) is None:
            return None
        where = f"{self.what}: manifest of {name}"
        read = documents.read_manifest(self._document(self._blob(chosen.manifest), where), where)
        platform = documents.read_platform(
            self.config(read.config), f"{self.what}: config of {name}"
        )
        if not platform.may_be(arch):
            raise Refused(f"{name} in {self.what}: its index says {arch.name}, its config does not")
        top, layers = chosen.path[0], (self._blob(layer) for layer in read.layers)
        return Image(
            name,
            arch.name,
            top.blob.sha256,
            chosen.manifest.blob.sha256,
            top.media_type,
            _unique((*(one.blob for one in chosen.path), read.config.blob, *layers)),
        )

    def manifest(self, descriptor: documents.Descriptor) -> bytes | None:
        """Return an index or manifest; None if the archive does not contain it."""
        if f"blobs/sha256/{descriptor.blob.sha256}" not in self.members:
            return None
        return self._document(self._blob(descriptor), f"{self.what}: {descriptor.media_type}")

    def config(self, descriptor: documents.Descriptor) -> bytes:
        """Return a config."""
        return self._document(self._blob(descriptor), f"{self.what}: a config")

    def _wrong_platform(
        self, name: str, there: Iterable[PlatformManifest], arches: tuple[Arch, ...]
    ) -> Refused:
        label = f"{name} in {self.what}"
        found = dict.fromkeys(str(one.platform).removeprefix("linux/") for one in there)
        return _mismatch(label, ", ".join(found) or "no platform at all", arches)

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

    def _manifest(self, config: Blob, layers: list[Layer]) -> Blob:
        document = {
            "schemaVersion": 2,
            "mediaType": documents.MANIFEST,
            "config": documents.descriptor(documents.CONFIG, config),
            "layers": [documents.descriptor(layer.media_type, layer.blob) for layer in layers],
        }
        return self.store.add(
            [json_document.canonical(document)], what=f"a manifest of {self.what}"
        )


def _mismatch(label: str, found: str, arches: tuple[Arch, ...]) -> Refused:
    wanted = " or ".join(arch.name for arch in arches)
    return Refused(f"{label} is for {found}, not for {wanted}")


def _unique(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    return tuple(dict.fromkeys(blobs))


def _without_repeats(images: Iterable[Image]) -> Iterator[Image]:
    """Yield the first image of each architecture; an archive may list an image twice."""
    seen: set[str] = set()
    for image in images:
        if image.arch not in seen:
            seen.add(image.arch)
            yield image
