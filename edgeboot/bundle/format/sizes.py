"""What takes the room in a bundle: each blob counted once, with whoever alone needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents

SHARED = "shared"


@dataclass(frozen=True)
class Share:
    """Bytes that nothing else in the bundle needs; removing ``name`` saves them.

    ``kind`` is an item's role, "image", or "shared" for blobs that several things need.
    """

    kind: str
    name: str
    size: int


def shares(contents: Contents) -> tuple[Share, ...]:
    """The shares of a bundle, the largest first; they add up to all its blobs."""
    users: dict[Blob, set[tuple[str, str]]] = {}
    for user, blob in _uses(contents):
        users.setdefault(blob, set()).add(user)
    sizes: dict[tuple[str, str], int] = dict.fromkeys((user for user, _ in _uses(contents)), 0)
    for blob, found in users.items():
        one = next(iter(found)) if len(found) == 1 else (SHARED, "by several of these")
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
