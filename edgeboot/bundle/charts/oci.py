"""Charts in OCI registries (Helm: "Use OCI-based registries"): one layer of a known type."""

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
    """``OciCharts`` over a registry client; a tag has an underscore for a version's plus sign."""

    registry: Registry

    def versions(self, reference: str) -> tuple[str, ...]:
        """The versions there are."""
        tags = self.registry.tags(_parsed(reference))
        return tuple(tag.replace("_", "+") for tag in tags)

    def chart(self, reference: str, version: str, store: Store) -> Blob:
        """A version's packed chart, verified, in the store."""
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
