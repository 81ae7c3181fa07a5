"""The table of contents of a bundle.

Other rooms know bundles only by these values; ``bundle.format.archive`` knows how they are stored.
Digests are SHA-256 in lower-case hexadecimal without a prefix; sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgeboot.blob import Blob
from edgeboot.k3s_version import K3sVersion

FORMAT = 1


class Role(StrEnum):
    """The purpose of an item."""

    K3S_BINARY = "k3s-binary"
    CHART = "chart"
    MANIFEST = "manifest"
    FILE = "file"
    SBOM = "sbom"


@dataclass(frozen=True)
class Item:
    """A file in a bundle: a binary, a chart, a manifest, a plain file or the SBOM.

    ``name`` is unique within role and arch; ``arch`` is None for items of any architecture.
    ``namespace`` and ``values`` (YAML text) apply to charts.
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

    ``name`` is the full reference (``docker.io/rancher/mirrored-pause:3.6``). ``digest`` is the
    digest of the unmodified index or manifest that the name refers to; ``manifest`` is that of the
    manifest for this architecture. ``blobs`` are the index, manifest, config and layers.
    """

    name: str
    arch: str
    digest: str
    manifest: str
    media_type: str
    blobs: tuple[Blob, ...]


@dataclass(frozen=True)
class ImageArchive:
    """An image archive that K3s imports, composed from blobs while it is sent to a node.

    Its bytes depend only on ``images``, so its digest is computed when the bundle is built and
    plans need not hash it.
    """

    name: str
    arch: str
    blob: Blob
    images: tuple[str, ...]  # names of the images inside

    @property
    def file_name(self) -> str:
        """File name in ``agent/images``, with the hash because K3s caches imports by file name."""
        return f"{self.name}-{self.blob.sha256[:16]}.tar"


@dataclass(frozen=True)
class Contents:
    """The table of contents.

    ``lock`` is the SHA-256 of the lock it was built from, ``version`` the version given in
    bundle.yml, ``expires`` the last day (``YYYY-MM-DD``, UTC) on which it may be installed.
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
        """The K3s version, comparable."""
        return K3sVersion.parse(self.k3s_version)

    def k3s_binary(self, arch: str) -> Item | None:
        """Return the K3s binary of an architecture, or None."""
        return next((i for i in self.of(Role.K3S_BINARY) if i.arch == arch), None)

    def of(self, role: Role) -> tuple[Item, ...]:
        """Return the items of a role, in bundle order."""
        return tuple(item for item in self.items if item.role is role)

    def archives_of(self, arch: str) -> tuple[ImageArchive, ...]:
        """Return the image archives of an architecture."""
        return tuple(archive for archive in self.archives if archive.arch == arch)

    def images_of(self, arch: str) -> tuple[Image, ...]:
        """Return the images of an architecture."""
        return tuple(image for image in self.images if image.arch == arch)
