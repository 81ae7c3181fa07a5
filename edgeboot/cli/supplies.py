"""Opens what a command works with: the inventory, and the bundle it or the user names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeboot.bundle.archive import Bundle
from edgeboot.errors import BadInput
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.world import Supplies


@contextmanager
def open_supplies(cluster: Cluster, given: Path | None) -> Iterator[Supplies]:
    """The bundle as a lifecycle sees it; its bytes are checked whenever they are read."""
    path = given or cluster.bundle
    if path is None:
        raise BadInput(
            "no bundle is named",
            error_id="no-bundle",
            where=cluster.where,
            hint="add `bundle: FILE` to the inventory, or give --bundle FILE",
        )
    with Bundle.open(path) as bundle:
        yield Supplies(bundle.contents, bundle.source, bundle.archive_source, bundle.verify)
