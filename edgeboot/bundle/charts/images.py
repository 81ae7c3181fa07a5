"""The images of a bundle's charts: found, and told apart from those that are there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgeboot.bundle.charts import discover, package
from edgeboot.bundle.charts.discover import Discovery
from edgeboot.bundle.charts.helm import Helm
from edgeboot.bundle.charts.values import scope_of
from edgeboot.bundle.format.contents import Item
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import BadInput

UNKNOWN = "pin a 'helm', or list them under 'images' and give the chart 'discover: false'"


@dataclass(frozen=True)
class Release:
    """A chart as it will be installed, and what was found in it; ``where`` is in the spec."""

    name: str
    where: str
    discovery: Discovery


def examine(item: Item, where: str, store: Store, helm: Helm | None) -> Release:
    """Look for the images of a packed chart, with Helm where there is one."""
    path, namespace = store.source(item.blob).path, item.namespace or item.name
    if helm is not None:
        documents = helm.template(path, item.name, namespace, item.values)
        return Release(item.name, where, discover.from_rendered(documents))
    scope = scope_of(package.read(path, item.name), item.values, item.name)
    told = {"Name": item.name, "Namespace": namespace, "Service": "Helm"}
    return Release(item.name, where, discover.from_chart(scope, told))


def references(releases: Iterable[Release]) -> dict[Reference, str]:
    """Every image of the releases, and the place in the spec that it is there for."""
    found: dict[Reference, str] = {}
    for release in releases:
        for image in release.discovery.images:
            found.setdefault(parse(image), release.where)
    return found


def unresolved(release: Release) -> BadInput:
    """The error that says which images of a release nobody knows."""
    listed = "; ".join(release.discovery.unresolved)
    return BadInput(
        f"the images of {release.name} are not all known: {listed}",
        where=release.where,
        hint=UNKNOWN,
    )
