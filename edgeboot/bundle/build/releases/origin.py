"""The files of a release, in a directory or below a URL.

Every file is verified against its published SHA-256, or the one in a lock, before use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from edgeboot.bundle.http.client import Missing
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.store.blobs import Store, file_chunks, measure, readable
from edgeboot.errors import BadInput, Refused

_CHECKSUMS_MAX = 64 << 10
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9._+-]+)")


class Origin(Protocol):
    """The location of a release's files."""

    def text(self, name: str) -> str:
        """Return a checksum file of at most 64 KiB; raises Missing if there is none."""

    def obtain(self, name: str, sha256: str) -> Path:
        """Return the path of a file with the given SHA-256.

        Raises Missing if there is no such file, Refused if its hash differs.
        """

    def describe(self, name: str) -> str:
        """Return the path or URL of the file, for messages."""


@dataclass(frozen=True)
class DirectoryOrigin:
    """A release directory, read in place."""

    directory: Path

    def text(self, name: str) -> str:
        """Return a checksum file."""
        return b"".join(self._read(name)).decode("utf-8", "replace")

    def obtain(self, name: str, sha256: str) -> Path:
        """Return the path of the file itself."""
        if not os.path.isfile(path := self.directory / name):
            raise Missing(f"{path} does not exist")
        if (found := measure(readable(path)).sha256) != sha256:
            raise Refused(
                f"{path} does not have the expected SHA-256: {found}, not {sha256}",
                hint="it was damaged or changed on the way; fetch it again",
            )
        return path

    def describe(self, name: str) -> str:
        """Return its path."""
        return str(self.directory / name)

    def _read(self, name: str) -> Iterator[bytes]:
        path = self.directory / name
        try:
            if path.stat().st_size > _CHECKSUMS_MAX:
                raise Refused(f"{path} is too large for a checksum file")
            yield from file_chunks(path)
        except FileNotFoundError:
            hint = f"copy all release files of an architecture there, including {name}"
            raise Missing(f"{path} does not exist", hint=hint) from None
        except OSError as error:
            raise BadInput(f"cannot read {path}: {error.strerror}") from error


@dataclass(frozen=True)
class HttpOrigin:
    """A release below a URL; files are kept in a store."""

    base: str
    downloader: Downloader
    store: Store
    limit: int = 4 << 30  # bytes of one file

    def text(self, name: str) -> str:
        """Return a checksum file."""
        return self.downloader.small(self.describe(name), _CHECKSUMS_MAX).decode("utf-8", "replace")

    def obtain(self, name: str, sha256: str) -> Path:
        """Download the file into the store, resuming an earlier download; return its path."""
        if self.store.find(sha256) is None:
            self.downloader.blob(self.describe(name), sha256, self.limit, self.store)
        return self.store.path(sha256)

    def describe(self, name: str) -> str:
        """Return its URL."""
        return f"{self.base}/{quote(name)}"


def checksums(origin: Origin, name: str) -> dict[str, str]:
    """Parse the output of sha256sum: file names to SHA-256 in hexadecimal.

    Raises Missing if there is no such file, BadInput with file:line if a line is malformed.
    """
    where = origin.describe(name)
    sums: dict[str, str] = {}
    for number, line in enumerate(origin.text(name).splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise BadInput("invalid sha256sum line", where=f"{where}:{number}")
        sums[match[2]] = match[1]
    return sums


def listed_in(sums: Mapping[str, str], name: str, origin: Origin) -> str:
    """Return the SHA-256 of a file; raises BadInput if ``sums`` does not list it."""
    if name not in sums:
        raise BadInput(f"{origin.describe(name)} is not listed in the release's checksums")
    return sums[name]
