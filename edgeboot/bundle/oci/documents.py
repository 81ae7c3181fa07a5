"""Parses the JSON documents of OCI images: index, manifest and config.

Source: OCI image specification 1.1 and Docker's manifest v2, schema 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot import json_document
from edgeboot.blob import Blob
from edgeboot.bundle.tar.writer import MAX_SIZE
from edgeboot.platform import Arch

DOCUMENT_MAX = 4 << 20  # bytes; the manifest limit of registries

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
_CONFIGS = (CONFIG, "application/vnd.docker.container.image.v1+json")

NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"

_ARM_VARIANTS = ("v7", "v6", "v5")  # best first; no variant means v7
_ARM64_VARIANTS = ("v8",)


@dataclass(frozen=True)
class Platform:
    """The platform of an image."""

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def rank(self, arch: Arch) -> int | None:
        """Return how well this platform fits ``arch`` ; 0 is best, None is incompatible."""
        if (self.os, self.architecture) != ("linux", arch.name):
            return None
        if self.variant is None:
            return 0
        variants = {"arm": _ARM_VARIANTS, "arm64": _ARM64_VARIANTS}.get(arch.name, ())
        return variants.index(self.variant) if self.variant in variants else None


@dataclass(frozen=True)
class Descriptor:
    """A reference to a blob inside a document."""

    media_type: str
    blob: Blob
    annotations: Mapping[str, str]
    platform: Platform | None


@dataclass(frozen=True)
class Manifest:
    """The manifest of an image for one platform."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def read_index(data: bytes, where: str) -> tuple[Descriptor, ...]:
    """Return the children of an index; raises Refused if it is invalid."""
    root = json_document.parse(data, where)
    return tuple(_descriptor(node) for node in root.member("manifests").items())


def read_manifest(data: bytes, where: str) -> Manifest:
    """Parse a manifest; raises Refused if it is not a container image's."""
    root = json_document.parse(data, where)
    config = _descriptor(root.member("config"))
    if config.media_type not in _CONFIGS:
        raise root.bad(f"is not a container image but {config.media_type[:80]!r}")
    return Manifest(config, tuple(_descriptor(node) for node in root.member("layers").items(500)))


def read_platform(data: bytes, where: str) -> Platform:
    """Return the platform in an image's config."""
    return _platform(json_document.parse(data, where))


def read_diff_ids(data: bytes, where: str) -> tuple[str, ...]:
    """Return the SHA-256 of each uncompressed layer in an image's config, bottom layer first."""
    layers = json_document.parse(data, where).member("rootfs").member("diff_ids")
    return tuple(node.digest() for node in layers.items(500))


def descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    """Return a descriptor as a JSON object."""
    return {"mediaType": media_type, "digest": f"sha256:{blob.sha256}", "size": blob.size}


def _descriptor(node: json_document.Node) -> Descriptor:
    annotations, platform = node.get("annotations"), node.get("platform")
    return Descriptor(
        node.member("mediaType").text(),
        Blob(node.member("digest").digest(), node.member("size").size(MAX_SIZE)),
        annotations.pairs() if annotations else {},
        _platform(platform) if platform else None,
    )


def _platform(node: json_document.Node) -> Platform:
    variant = node.get("variant")
    return Platform(
        node.member("os").text(),
        node.member("architecture").text(),
        (variant.text() or None) if variant else None,
    )
