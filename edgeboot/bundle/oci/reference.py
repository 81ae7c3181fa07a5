"""Image names: the full form of a reference, its tag and its short name.

Source: the distribution project's reference grammar, as Docker and containerd use it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPOSITORY = r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_FULL = re.compile(
    rf"(?P<host>{_HOST})/(?P<repository>{_REPOSITORY})"
    rf"(?::(?P<tag>{_TAG}))?(?:@sha256:(?P<digest>[0-9a-f]{{64}}))?"
)
_MAX = 512


@dataclass(frozen=True)
class Reference:
    """A parsed image reference with a tag, a digest (hexadecimal SHA-256) or both."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        return self.name + (f"@sha256:{self.digest}" if self.digest and self.tag else "")

    @property
    def name(self) -> str:
        """The name on nodes: with the tag if there is one, else with the digest."""
        end = f":{self.tag}" if self.tag else f"@sha256:{self.digest}"
        return f"{self.registry}/{self.repository}{end}"


def parse(name: str) -> Reference:
    """Parse a short or full image name; raises ValueError if it is invalid."""
    match = _FULL.fullmatch(full_name(name))
    if match is None:
        raise ValueError(f"invalid image reference {name[:100]!r}")
    return Reference(match["host"], match["repository"], match["tag"], match["digest"])


def full_name(name: str) -> str:
    """Expand an image name: ``busybox`` → ``docker.io/library/busybox:latest``.

    Raises ValueError if the name is invalid.
    """
    first, slash, rest = name.partition("/")
    if not slash:
        full = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        full = f"docker.io/{name}"
    elif first == "docker.io" and "/" not in rest:
        full = f"docker.io/library/{rest}"
    else:
        full = name
    match = _FULL.fullmatch(full)
    if match is None or len(full) > _MAX:
        raise ValueError(f"invalid image reference {name[:100]!r}")
    return full if match["tag"] or "@" in full else f"{full}:latest"


def tag(full: str) -> str | None:
    """Return the tag of a full name; None if it has only a digest."""
    match = _FULL.fullmatch(full)
    return match["tag"] if match else None


def short_name(full: str) -> str:
    """Return the last part of the repository, made safe for file names: ``mirrored-pause``."""
    last = full.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")
