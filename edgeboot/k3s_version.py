"""A version of K3s, with its order: ``v1.36.2+k3s1``, or ``v1.36.2-rc1+k3s1`` before its release.

Source: the tags of K3s's repository. ``+k3sN`` counts K3s's own releases of one Kubernetes, so
unlike semantic versioning's build metadata it takes part in the order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

PATTERN = r"v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:-rc[0-9]{1,3})?\+k3s[0-9]{1,3}"

_PARTS = re.compile(r"v([0-9]+)\.([0-9]+)\.([0-9]+)(?:-rc([0-9]+))?\+k3s([0-9]+)")
_WHOLE = re.compile(PATTERN)


@total_ordering
@dataclass(frozen=True)
class K3sVersion:
    """``release`` is the Kubernetes version: major, minor, patch. ``candidate`` numbers an rc."""

    release: tuple[int, int, int]
    build: int
    candidate: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that ``text`` is; ``ValueError`` where it is none."""
        parts = _PARTS.fullmatch(text) if _WHOLE.fullmatch(text) else None
        if parts is None:
            raise ValueError(f"invalid K3s version {text[:80]!r}")
        major, minor, patch, candidate, build = parts.groups()
        return cls(
            (int(major), int(minor), int(patch)),
            int(build),
            None if candidate is None else int(candidate),
        )

    def __lt__(self, other: K3sVersion) -> bool:
        """A candidate comes before its release, a K3s build after the one before it."""
        return self._key < other._key

    def __str__(self) -> str:
        release = ".".join(map(str, self.release))
        candidate = "" if self.candidate is None else f"-rc{self.candidate}"
        return f"v{release}{candidate}+k3s{self.build}"

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version, as Kubernetes' skew policy counts."""
        return self.release[:2]

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, int, int]:
        return (self.release, self.candidate is None, self.candidate or 0, self.build)


def is_version(text: str) -> bool:
    """Whether ``text`` is a version of K3s."""
    return _WHOLE.fullmatch(text) is not None
