"""K3s from one of its releases: a directory with the published files, or a base URL.

File names, checksum files and URL layout are those of K3s's install.sh and release workflow.
Nothing is used before it has the SHA-256 that the release's ``sha256sum-ARCH.txt`` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from edgeboot.bundle.contents import Blob
from edgeboot.bundle.download import Downloader, Missing
from edgeboot.bundle.reference import full_name
from edgeboot.bundle.spec import VERSION
from edgeboot.bundle.store import Store, file_chunks, measure, readable
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.platform import Arch, arch_of_elf

RELEASES = "https://github.com/k3s-io/k3s/releases/download"  # install.sh: GITHUB_URL
CHANNELS = "https://update.k3s.io/v1-release/channels"  # install.sh: INSTALL_K3S_CHANNEL_URL

_SUFFIXES = (".tar.zst", ".tar.gz", ".tar")
_CHECKSUMS_MAX = 64 << 10
_FILE_MAX = 4 << 30
_OVERLAP = 128
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9._+-]+)")
_EMBEDDED = re.compile(rb"v[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}(?:-rc[0-9]{1,2})?\+k3s[0-9]{1,2}")


class Origin(Protocol):
    """Where a release's files are."""

    def text(self, name: str) -> str:
        """A small text file; Missing where there is none."""

    def obtain(self, name: str, sha256: str) -> Path:
        """A path to a file's bytes, which have the given SHA-256; Missing where there is none."""

    def describe(self, name: str) -> str:
        """What to call the file in messages."""


@dataclass(frozen=True)
class DirectoryOrigin:
    """A release directory, read in place."""

    directory: Path

    def text(self, name: str) -> str:
        """A checksum file."""
        return b"".join(self._read(name)).decode("utf-8", "replace")

    def obtain(self, name: str, sha256: str) -> Path:
        """The file itself."""
        if not (path := self.directory / name).is_file():
            raise Missing(f"{path} does not exist")
        if (found := measure(readable(path)).sha256) != sha256:
            raise _mismatch(self.describe(name), found, sha256)
        return path

    def describe(self, name: str) -> str:
        """Its path."""
        return str(self.directory / name)

    def _read(self, name: str) -> Iterator[bytes]:
        path = self.directory / name
        try:
            if path.stat().st_size > _CHECKSUMS_MAX:
                raise Refused(f"{path} is too long for a checksum file")
            yield from file_chunks(path)
        except FileNotFoundError:
            hint = f"a release directory holds what K3s publishes for an architecture, {name} too"
            raise Missing(f"{path} does not exist", hint=hint) from None
        except OSError as error:
            raise BadInput(f"cannot read {path}: {error.strerror}") from error


@dataclass(frozen=True)
class HttpOrigin:
    """A release below a URL; files are kept in a store."""

    base: str
    downloader: Downloader
    store: Store

    def text(self, name: str) -> str:
        """A checksum file."""
        return self.downloader.small(self.describe(name), _CHECKSUMS_MAX).decode("utf-8", "replace")

    def obtain(self, name: str, sha256: str) -> Path:
        """The file in the store; what an earlier run left of it is not downloaded again."""
        if self.store.find(sha256) is None:
            self.downloader.blob(self.describe(name), sha256, _FILE_MAX, self.store)
        return self.store.path(sha256)

    def describe(self, name: str) -> str:
        """Its URL."""
        return f"{self.base}/{quote(name)}"


@dataclass(frozen=True)
class Part:
    """What a release has for one architecture: the binary, and a path to the image archive."""

    arch: Arch
    binary: Blob
    images: Path
    images_name: str


def version_url(base: str, version: str) -> str:
    """The URL of a version's files: ``+`` has to be written ``%2B``."""
    return f"{base}/{quote(version, safe='')}"


def channel_version(channel: str, downloader: Downloader, service: str = CHANNELS) -> str:
    """The version a channel points at: the last segment of where the channel service redirects."""
    url = f"{service}/{quote(channel)}"
    version = downloader.final_url(url).rstrip("/").rpartition("/")[2].replace("%2B", "+")
    if not VERSION.fullmatch(version):
        raise BadInput(f"{url} leads to no K3s version", hint="use stable, latest or v1.36")
    return version


def listed(origin: Origin, arch: Arch) -> dict[str, str]:
    """The SHA-256 that a release gives its binary and its image archives for an architecture."""
    sums_name = f"sha256sum-{arch.name}.txt"
    return dict(_checksums(origin.text(sums_name), origin.describe(sums_name)))


def image_names(origin: Origin) -> frozenset[str] | None:
    """The full names of the release's images; None where it has no list.

    ``k3s-images.txt`` has no checksum, so this decides only what need not be looked up elsewhere.
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
) -> Part:
    """Binary and image archive of one architecture, checked against the release's checksums.

    ``sums`` are these, where they have been read already.
    The archive is the best compressed one there is. Raises BadInput where the release lacks a file
    or holds the binary of another architecture, Refused naming the file where a checksum is wrong.
    """
    sums = listed(origin, arch) if sums is None else sums
    label = origin.describe(arch.k3s_binary)
    binary = store.add(
        file_chunks(origin.obtain(arch.k3s_binary, _listed(sums, arch.k3s_binary, origin))),
        expected=sums[arch.k3s_binary],
        what=label,
    )
    head = next(store.source(binary).open(), b"")[:20]
    if arch_of_elf(head) is not arch:
        found = arch_of_elf(head)
        kind = f"a program for {found.name}" if found else "no program that edgeboot knows"
        raise BadInput(f"{label} should be for {arch.name} but is {kind}")
    for suffix in _SUFFIXES:
        name = f"k3s-airgap-images-{arch.name}{suffix}"
        if name in sums:
            try:
                return Part(arch, binary, origin.obtain(name, sums[name]), origin.describe(name))
            except Missing:
                continue
    stem = origin.describe(f"k3s-airgap-images-{arch.name}")
    raise BadInput(f"the release has no {stem} with {', '.join(_SUFFIXES)}")


def embedded_version(binary: Path) -> str | None:
    """The version that a K3s binary carries in its bytes; None where it is not clear.

    The binary is not run: it may be for another machine, and a bundle builder executes nothing it
    was given. Where a string is followed by a digit of another, the shorter finding is right.
    """
    found: set[str] = set()
    window = b""
    try:
        for chunk in chain(file_chunks(binary), (bytes(_OVERLAP),)):
            window = window[-_OVERLAP:] + chunk
            safe = len(window) - _OVERLAP // 2  # a match that ends later may go on in the next
            found.update(m[0].decode() for m in _EMBEDDED.finditer(window) if m.end() < safe)
    except OSError as error:
        raise StepFailed(f"cannot read {binary}: {error.strerror}") from error
    shortest = min(found, key=len, default=None)
    if shortest is None or not all(version.startswith(shortest) for version in found):
        return None
    return shortest


def _checksums(text: str, where: str) -> Mapping[str, str]:
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise BadInput("is not a line of sha256sum's output", where=f"{where}:{number}")
        sums[match[2]] = match[1]
    return sums


def _listed(sums: Mapping[str, str], name: str, origin: Origin) -> str:
    if name not in sums:
        raise BadInput(f"{origin.describe(name)} is not listed in the release's checksums")
    return sums[name]


def _mismatch(what: str, found: str, wanted: str) -> Refused:
    return Refused(
        f"{what} does not have the SHA-256 of the release's checksum file: {found}, not {wanted}",
        hint="it was damaged or changed on the way; fetch it again",
    )
