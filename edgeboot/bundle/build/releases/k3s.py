"""Fetches K3s and its images from a release.

Source of file names, checksum files and URL layout: install.sh and the release workflow of K3s.
Every file is verified against ``sha256sum-ARCH.txt`` before use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from edgeboot.blob import Blob
from edgeboot.bundle.build.releases.origin import Origin, checksums, listed_in
from edgeboot.bundle.http.client import Missing
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.oci.reference import full_name
from edgeboot.bundle.store.blobs import Store, file_chunks
from edgeboot.errors import BadInput, StepFailed
from edgeboot.k3s_version import PATTERN, is_version
from edgeboot.platform import Arch, arch_of_elf

RELEASES = "https://github.com/k3s-io/k3s/releases/download"  # install.sh: GITHUB_URL
CHANNELS = "https://update.k3s.io/v1-release/channels"  # install.sh: INSTALL_K3S_CHANNEL_URL

_SUFFIXES = (".tar.zst", ".tar.gz", ".tar")
_OVERLAP = 128
_EMBEDDED = re.compile(PATTERN.encode())


@dataclass(frozen=True)
class ReleaseFile:
    """The files of one architecture: the binary, and the path and label of the image archive."""

    arch: Arch
    binary: Blob
    images: Path
    images_name: str


def version_url(base: str, version: str) -> str:
    """Return the URL of a version's files, with ``+`` escaped as ``%2B``."""
    return f"{base}/{quote(version, safe='')}"


def channel_version(channel: str, downloader: Downloader, service: str = CHANNELS) -> str:
    """Return the version of a channel: the last segment of the URL the service redirects to.

    Raises BadInput if that is not a K3s version.
    """
    url = f"{service}/{quote(channel)}"
    version = downloader.final_url(url).rstrip("/").rpartition("/")[2].replace("%2B", "+")
    if not is_version(version):
        raise BadInput(f"{url} does not lead to a K3s version", hint="use stable, latest or v1.36")
    return version


def listed(origin: Origin, arch: Arch) -> dict[str, str]:
    """Return the release's checksums for an architecture: file names to SHA-256."""
    return checksums(origin, f"sha256sum-{arch.name}.txt")


def image_names(origin: Origin) -> frozenset[str] | None:
    """Return the full names of the release's images; None if it has no list.

    ``k3s-images.txt`` has no published checksum, so use it only to skip look-ups in registries.
    """
    try:
        lines = origin.text("k3s-images.txt").splitlines()
    except Missing:
        return None
    names = set()
    for line in filter(None, map(str.strip, lines)):
        with suppress(ValueError):
            names.add(full_name(line))
    return frozenset(names)


def acquire(
    origin: Origin, arch: Arch, store: Store, sums: Mapping[str, str] | None = None
) -> ReleaseFile:
    """Fetch the binary and the image archive of one architecture, and verify them.

    ``sums`` are the release's checksums, if already read. Of several archives the most compressed
    one is used. Raises BadInput if the release lacks a file or its binary is for another
    architecture, Refused with the file's name if a checksum does not match.
    """
    sums = listed(origin, arch) if sums is None else sums
    label = origin.describe(arch.k3s_binary)
    binary = store.add(
        file_chunks(origin.obtain(arch.k3s_binary, listed_in(sums, arch.k3s_binary, origin))),
        expected=sums[arch.k3s_binary],
        what=label,
    )
    head = next(store.source(binary).open(), b"")[:20]
    if arch_of_elf(head) is not arch:
        found = arch_of_elf(head)
        kind = f"a program for {found.name}" if found else "not a known program"
        raise BadInput(f"{label} should be for {arch.name} but is {kind}")
    for suffix in _SUFFIXES:
        name = f"k3s-airgap-images-{arch.name}{suffix}"
        if name in sums:
            try:
                return ReleaseFile(
                    arch, binary, origin.obtain(name, sums[name]), origin.describe(name)
                )
            except Missing:
                continue
    stem = origin.describe(f"k3s-airgap-images-{arch.name}")
    raise BadInput(f"the release has no {stem} with {', '.join(_SUFFIXES)}")


def embedded_version(binary: Path) -> str | None:
    """Find the version string in a K3s binary; None if there is no single one.

    The binary is never run: it may be for another architecture, and it is not trusted. If digits of
    the next string follow a version, matches differ in length; the shortest is the version.
    """
    found: set[str] = set()
    window = b""
    try:
        for chunk in chain(file_chunks(binary), (bytes(_OVERLAP),)):
            window = window[-_OVERLAP:] + chunk
            safe = len(window) - _OVERLAP // 2  # a later match may continue in the next chunk
            found.update(m[0].decode() for m in _EMBEDDED.finditer(window) if m.end() < safe)
    except OSError as error:
        raise StepFailed(f"cannot read {binary}: {error.strerror}") from error
    shortest = min(found, key=len, default=None)
    if shortest is None or not all(version.startswith(shortest) for version in found):
        return None
    return shortest
