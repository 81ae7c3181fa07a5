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
    """A full name taken apart. ``digest`` is hexadecimal; a tag or a digest is there, or both."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        return self.name + (f"@sha256:{self.digest}" if self.digest and self.tag else "")

    @property
    def name(self) -> str:
        """What the image is called where it runs: by its tag if it has one, else by its digest."""
        end = f":{self.tag}" if self.tag else f"@sha256:{self.digest}"
        return f"{self.registry}/{self.repository}{end}"


def parse(name: str) -> Reference:
    """Any image name, short or full; ValueError where it is not one."""
    match = _FULL.fullmatch(full_name(name))
    if match is None:
        raise ValueError(f"{name[:100]!r} is not an image reference")
    return Reference(match["host"], match["repository"], match["tag"], match["digest"])


def full_name(name: str) -> str:
    """``busybox`` → ``docker.io/library/busybox:latest``.

    Raises ValueError where it is not an image reference.
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
        raise ValueError(f"{name[:100]!r} is not an image reference")
    return full if match["tag"] or "@" in full else f"{full}:latest"


def tag(full: str) -> str | None:
    """The tag of a full name; None where it is pinned by digest alone."""
    match = _FULL.fullmatch(full)
    return match["tag"] if match else None


def short_name(full: str) -> str:
    """The last part of the repository as a file name can carry it: ``mirrored-pause``."""
    last = full.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")
