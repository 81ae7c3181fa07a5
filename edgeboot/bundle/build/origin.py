"""Where the files of a release are: in a directory, or below a URL.

Nothing is used before it has the SHA-256 that is published beside it, or that a lock has for it.
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
        if not os.path.isfile(path := self.directory / name):
            raise Missing(f"{path} does not exist")
        if (found := measure(readable(path)).sha256) != sha256:
            raise Refused(
                f"{path} does not have the expected SHA-256: {found}, not {sha256}",
                hint="it was damaged or changed on the way; fetch it again",
            )
        return path

    def describe(self, name: str) -> str:
        """Its path."""
        return str(self.directory / name)

    def _read(self, name: str) -> Iterator[bytes]:
        path = self.directory / name
        try:
            if path.stat().st_size > _CHECKSUMS_MAX:
                raise Refused(f"{path} is too large for a checksum file")
            yield from file_chunks(path)
        except FileNotFoundError:
            hint = f"put everything there that is published for an architecture, including {name}"
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
        """A checksum file."""
        return self.downloader.small(self.describe(name), _CHECKSUMS_MAX).decode("utf-8", "replace")

    def obtain(self, name: str, sha256: str) -> Path:
        """The file in the store; what an earlier run left of it is not downloaded again."""
        if self.store.find(sha256) is None:
            self.downloader.blob(self.describe(name), sha256, self.limit, self.store)
        return self.store.path(sha256)

    def describe(self, name: str) -> str:
        """Its URL."""
        return f"{self.base}/{quote(name)}"


def checksums(origin: Origin, name: str) -> dict[str, str]:
    """What a file that sha256sum wrote says: a SHA-256 for each file name.

    Raises Missing where there is no such file, BadInput where it is another kind of file.
    """
    where = origin.describe(name)
    sums: dict[str, str] = {}
    for number, line in enumerate(origin.text(name).splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise BadInput("not a line of sha256sum's output", where=f"{where}:{number}")
        sums[match[2]] = match[1]
    return sums


def listed_in(sums: Mapping[str, str], name: str, origin: Origin) -> str:
    """A file's SHA-256 in the checksums of its release; BadInput where they lack it."""
    if name not in sums:
        raise BadInput(f"{origin.describe(name)} is not listed in the release's checksums")
    return sums[name]
