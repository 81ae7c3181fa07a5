"""Compares two bundles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.bundle.format.contents import Contents, Item, Role
from edgeboot.bundle.travel import delta


@dataclass(frozen=True)
class Change:
    """A changed part: ``kind`` is an item's role or "image"; None if a bundle lacks it."""

    kind: str
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Difference:
    """The differences; ``added`` (the size of a delta) and ``removed`` are in bytes."""

    old_k3s: str
    new_k3s: str
    changes: tuple[Change, ...]
    added: int
    removed: int


def between(old: Contents, new: Contents) -> Difference:
    """Return the differences between two bundles."""
    changes = []
    before, after = _things(old), _things(new)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            changes.append(Change(*key, before.get(key), after.get(key)))
    sizes = [sum(b.size for b in delta.added(*pair)) for pair in ((old, new), (new, old))]
    return Difference(old.k3s_version, new.k3s_version, tuple(changes), *sizes)


def _things(contents: Contents) -> Mapping[tuple[str, str], str]:
    # the SBOM is derived from the rest
    items = (item for item in contents.items if item.role is not Role.SBOM)
    found = {(item.role.value, _label(item.name, item.arch)): _state(item) for item in items}
    for image in contents.images:
        found["image", _label(image.name, image.arch)] = image.digest[:12]
    return found


def _label(name: str, arch: str | None) -> str:
    return f"{name} ({arch})" if arch else name


def _state(item: Item) -> str:
    return " ".join(filter(None, (item.version, item.blob.sha256[:12])))
