"""The table of contents of a bundle, as values: what it carries, for which platform.

This is the one thing the rest of edgeboot knows of a bundle; how the bytes are stored is the
business of ``bundle.archive``. Digests are lower-case hexadecimal SHA-256 without a prefix, sizes
are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgeboot.blob import Blob
from edgeboot.k3s_version import K3sVersion

FORMAT = 1


class Role(StrEnum):
    """What an item of a bundle is for."""

    K3S_BINARY = "k3s-binary"
    CHART = "chart"
    MANIFEST = "manifest"
    FILE = "file"
    SBOM = "sbom"


@dataclass(frozen=True)
class Item:
    """A file that a bundle carries whole: a binary, a chart, a manifest or a plain file.

    ``name`` is unique within its role and arch; ``arch`` is None where it does not matter.
    ``namespace`` and ``values`` (YAML text) are for charts: where to install them, and how.
    """

    role: Role
    name: str
    blob: Blob
    arch: str | None = None
    version: str | None = None
    namespace: str | None = None
    values: str | None = None


@dataclass(frozen=True)
class Image:
    """A container image of one architecture.

    ``name`` is the full reference (``docker.io/rancher/mirrored-pause:3.6``); ``digest`` is what
    the name points at: the original index or manifest, byte for byte; ``manifest`` is the manifest
    of this architecture; ``blobs`` everything that has to travel (index, manifest, config, layers).
    """

    name: str
    arch: str
    digest: str
    manifest: str
    media_type: str
    blobs: tuple[Blob, ...]


@dataclass(frozen=True)
class ImageArchive:
    """An archive that K3s imports, composed from blobs while it is sent to a node.

    Its bytes are a function of ``images``, so its digest is known when the bundle is built and a
    plan never has to hash gigabytes.
    """

    name: str
    arch: str
    blob: Blob
    images: tuple[str, ...]  # names of the images inside

    @property
    def file_name(self) -> str:
        """Name below ``agent/images``: carries the hash, as K3s's import cache goes by name."""
        return f"{self.name}-{self.blob.sha256[:16]}.tar"


@dataclass(frozen=True)
class Contents:
    """All that a bundle carries.

    ``lock`` is the digest of the lock it was built from, ``version`` its builder's own number for
    it, ``expires`` the last day (``YYYY-MM-DD``, UTC) on which it may be installed.
    """

    name: str
    k3s_version: str
    arches: tuple[str, ...]
    items: tuple[Item, ...]
    images: tuple[Image, ...]
    archives: tuple[ImageArchive, ...]
    lock: str | None = None
    version: str | None = None
    expires: str | None = None

    @property
    def k3s(self) -> K3sVersion:
        """The version of K3s, with its order."""
        return K3sVersion.parse(self.k3s_version)

    def k3s_binary(self, arch: str) -> Item | None:
        """The K3s binary of an architecture."""
        return next((i for i in self.of(Role.K3S_BINARY) if i.arch == arch), None)

    def of(self, role: Role) -> tuple[Item, ...]:
        """The items of a role, in the bundle's order."""
        return tuple(item for item in self.items if item.role is role)

    def archives_of(self, arch: str) -> tuple[ImageArchive, ...]:
        """The image archives for an architecture."""
        return tuple(archive for archive in self.archives if archive.arch == arch)

    def images_of(self, arch: str) -> tuple[Image, ...]:
        """The images of an architecture."""
        return tuple(image for image in self.images if image.arch == arch)
