"""Computes what takes the space in a bundle; each blob counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents

SHARED = "shared"


@dataclass(frozen=True)
class Share:
    """The bytes that removing ``name`` would save.

    ``kind`` is an item's role, "image", or "shared" for blobs that several parts use.
    """

    kind: str
    name: str
    size: int


def shares(contents: Contents) -> tuple[Share, ...]:
    """Return the shares of a bundle, largest first; their sum is the size of all blobs."""
    users: dict[Blob, set[tuple[str, str]]] = {}
    for user, blob in _uses(contents):
        users.setdefault(blob, set()).add(user)
    sizes: dict[tuple[str, str], int] = dict.fromkeys((user for user, _ in _uses(contents)), 0)
    for blob, found in users.items():
        one = next(iter(found)) if len(found) == 1 else (SHARED, "by several parts")
        sizes[one] = sizes.get(one, 0) + blob.size
    made = (Share(*user, size) for user, size in sizes.items())
    return tuple(sorted(made, key=lambda share: (-share.size, share.kind, share.name)))


def _uses(contents: Contents) -> Iterator[tuple[tuple[str, str], Blob]]:
    for item in contents.items:
        name = f"{item.name} ({item.arch})" if item.arch else item.name
        yield (item.role.value, name), item.blob
    for image in contents.images:
        for blob in image.blobs:
            yield ("image", f"{image.name} ({image.arch})"), blob
