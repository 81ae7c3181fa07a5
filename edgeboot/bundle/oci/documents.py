"""Parses the JSON documents of OCI images: index, manifest and config.

Source: OCI image specification 1.1 and Docker's manifest v2, schema 2.
"""

from __future__ import annotations

import re
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
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"

INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
_CONFIGS = (CONFIG, "application/vnd.docker.container.image.v1+json")

NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"
_LAYER = re.compile(r"\.(?:image\.(?:layer|rootfs)\.)")

ATTESTATION = "vnd.docker.reference.type"
_ANNOTATIONS = (NAME, REF_NAME, ATTESTATION)  # others may have any size and are not read

_ARM_VARIANTS = ("v7", "v6", "v5")  # best first; no variant means v7
_ALIASES = {  # as containerd normalises them
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_DEFAULT_VARIANTS = {("amd64", "v1"), ("arm64", "v8")}


@dataclass(frozen=True)
class Platform:
    """The platform of an image, with the names that containerd normalises others to.

    ``architecture`` is empty if the document does not state it.
    """

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def rank(self, arch: Arch) -> int | None:
        """Return how well this platform fits ``arch``; 0 is best, None is incompatible."""
        if (self.os, self.architecture) != ("linux", arch.name):
            return None
        if self.variant is None:
            return 0
        variants = _ARM_VARIANTS if arch.name == "arm" else ()
        return variants.index(self.variant) if self.variant in variants else None

    def may_be(self, arch: Arch) -> bool:
        """Report whether a config with this platform may belong to an image for ``arch``."""
        return self.rank(arch) is not None or (self.os, self.architecture) == ("linux", "")

    @property
    def unknown(self) -> bool:
        """Whether it is the platform of attestations."""
        return self.os == "unknown" or self.architecture == "unknown"


@dataclass(frozen=True)
class Descriptor:
    """A reference to a blob inside a document; of its annotations, those that edgeboot uses."""

    media_type: str
    blob: Blob
    annotations: Mapping[str, str]
    platform: Platform | None
    artifact: bool = False

    @property
    def is_image(self) -> bool:
        """Whether it may be an image, and is not an attestation, a signature or an SBOM."""
        attests = self.artifact or ATTESTATION in self.annotations
        return not attests and not (self.platform and self.platform.unknown)


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


def is_artifact(data: bytes, where: str) -> bool:
    """Report whether a manifest is an artifact beside an image: a signature or an SBOM."""
    root = json_document.parse(data, where)
    if root.get("artifactType") is not None or root.get("subject") is not None:
        return True
    config, layers = root.get("config"), root.get("layers")
    types = [
        node.get("mediaType") for node in (config, *(layers.items(500) if layers else ())) if node
    ]
    return not all(
        node is None or str(node.value) in _CONFIGS or _LAYER.search(str(node.value))
        for node in types
    )


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
        _annotations(annotations) if annotations else {},
        _platform(platform) if platform else None,
        node.get("artifactType") is not None,
    )


def _annotations(node: json_document.Node) -> Mapping[str, str]:
    found = ((key, node.get(key)) for key in _ANNOTATIONS)
    return {key: value.text() for key, value in found if value is not None}


def _platform(node: json_document.Node) -> Platform:
    """Read a platform as containerd on Linux does: without ``os``, it is linux."""
    os, architecture, variant = (_word(node, key) for key in ("os", "architecture", "variant"))
    if architecture in _ALIASES:
        architecture, implied = _ALIASES[architecture]
        variant = implied or variant
    if architecture == "arm" and variant == "":
        variant = "v7"
    if variant.isdigit():
        variant = f"v{variant}"
    if (architecture, variant) in _DEFAULT_VARIANTS:
        variant = ""
    return Platform(os or "linux", architecture, variant or None)


def _word(node: json_document.Node, key: str) -> str:
    value = node.get(key)
    return value.text().lower() if value else ""
