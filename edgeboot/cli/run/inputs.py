"""Opens the bundle that the inventory or the user names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.trust.minisign import read_public
from edgeboot.bundle.trust.signing import STRICT, Trust, admit
from edgeboot.errors import BadInput
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.cluster_state import BundleView


@contextmanager
def open_bundle(
    cluster: Cluster, given: Path | None, trust: Trust = STRICT
) -> Iterator[BundleView]:
    """The bundle as a lifecycle sees it; its bytes are checked whenever they are read.

    Refused unless one of the inventory's keys signed it, or ``trust`` or the inventory allows that.
    """
    path = given or cluster.bundle
    if path is None:
        raise BadInput(
            "no bundle given",
            error_id="no-bundle",
            where=cluster.where,
            hint="add `bundle: FILE` to the inventory, or use --bundle FILE",
        )
    keys = [read_public(key, cluster.where) for key in cluster.bundle_keys]
    allowed = replace(trust, unsigned=trust.unsigned or cluster.allow_unsigned)
    with Bundle.open(path) as bundle:
        signature = admit(path, bundle.contents, keys, allowed)
        yield BundleView(
            bundle.contents,
            bundle.source,
            bundle.archive_source,
            bundle.verify,
            trust.older,
            file=str(path),
            signer=f"{signature.label} ({signature.comment})" if signature else "",
        )
