"""Container images: archives that K3s imports at every start, or as soon as they appear."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.plan import paths
from edgeboot.plan.resources import CreateOnly, File, Resource, text


def images(context: Context) -> Iterator[Resource]:
    """The archives for the node's architecture.

    With the cache file K3s (since v1.33.1, 1.32.5, 1.31.9) skips archives that it has imported;
    without it, every start imports everything again. K3s keeps writing it.
    """
    yield CreateOnly(paths.IMAGES_CACHE, text(""), 0o644)
    for archive in context.contents.archives_of(context.arch.name):
        source = context.archive_source(archive)
        yield File(f"{paths.IMAGES}/{archive.file_name}", source, bulky=True)
