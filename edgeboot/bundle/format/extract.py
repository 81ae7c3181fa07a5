"""Extracts items of a bundle into a directory; existing files are never overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Item, Role
from edgeboot.bundle.format.encoding import is_item_name
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed


def extract(bundle: Bundle, directory: Path, roles: Iterable[Role]) -> tuple[Path, ...]:
    """Write the items of ``roles`` to ``directory``; returns the paths of the new files.

    Raises BadInput before writing if a file exists, StepFailed if a file cannot be written; that
    file is removed.
    """
    wanted = {directory / _name(item): item for role in roles for item in bundle.contents.of(role)}
    taken = [path for path in wanted if os.path.lexists(path)]
    if taken:
        raise BadInput(f"{taken[0]} already exists", hint="choose an empty directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, item in wanted.items():
            _write(bundle, item, path)
    except OSError as error:
        raise StepFailed(f"cannot write {directory}: {error.strerror or error}") from error
    return tuple(wanted)


def _name(item: Item) -> str:
    name = f"{item.name}-{item.arch}" if item.arch else item.name
    if not is_item_name(name):  # checked when decoding, too
        raise Refused(f"the bundle has an item with an unsafe file name: {name!r}")
    return name


def _write(bundle: Bundle, item: Item, path: Path) -> None:
    mode = 0o755 if item.role is Role.K3S_BINARY else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            file.writelines(bundle.source(item.blob).open())
    except (EdgebootError, OSError):
        path.unlink(missing_ok=True)
        raise
