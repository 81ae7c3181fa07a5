"""Charts in OCI registries, stored as one layer.

Source: Helm documentation, "Use OCI-based registries".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgeboot import json_document
from edgeboot.blob import Blob
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import BadInput, Refused

_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_SIZE_MAX = 64 << 20


@dataclass(frozen=True)
class RegistryCharts:
    """Implements ``OciCharts``; tags have an underscore in place of a version's plus sign."""

    registry: Registry

    def versions(self, reference: str) -> tuple[str, ...]:
        """Return all versions of a chart."""
        tags = self.registry.tags(_parsed(reference))
        return tuple(tag.replace("_", "+") for tag in tags)

    def chart(self, reference: str, version: str, store: Store) -> Blob:
        """Download a packed chart into the store and verify it."""
        named = replace(_parsed(reference), tag=version.replace("+", "_"))
        document = self.registry.manifest(named)
        where = f"the manifest of {named}"
        layers = json_document.parse(document.data, where).member("layers").items(20)
        found = [layer for layer in layers if layer.member("mediaType").text() == _CHART]
        if len(found) != 1:
            raise Refused(f"{named} is not a Helm chart")
        blob = Blob(found[0].member("digest").digest(), found[0].member("size").size(_SIZE_MAX))
        return store.find(blob.sha256) or self.registry.blob(named, blob, store)


def _parsed(reference: str) -> Reference:
    try:
        return parse(reference.removeprefix("oci://"))
    except ValueError as error:
        raise BadInput(str(error)) from None
