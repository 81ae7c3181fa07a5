"""Finds the images of a bundle's charts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgeboot.bundle.charts import discover, package
from edgeboot.bundle.charts.discover import Discovery
from edgeboot.bundle.charts.helm import Helm
from edgeboot.bundle.format.contents import Item
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import BadInput
from edgeboot.events import Listener, Note

UNKNOWN = "pin a 'helm' in bundle.yml, or list the images under 'images' and set 'discover: false'"


@dataclass(frozen=True)
class Release:
    """An examined chart: its release name, its file:line in the spec, and its images."""

    name: str
    where: str
    discovery: Discovery


def examine(item: Item, where: str, store: Store, helm: Helm | None) -> Release:
    """Find the images of a packed chart by rendering it, or in its declarations without Helm."""
    path, namespace = store.source(item.blob).path, item.namespace or item.name
    if helm is not None:
        documents = helm.template(path, item.name, namespace, item.values)
        return Release(item.name, where, discover.from_rendered(documents))
    files = package.read(path, item.name)
    return Release(item.name, where, discover.from_declarations(files, item.name))


def references(releases: Iterable[Release]) -> dict[Reference, str]:
    """Return every image of the releases, with the file:line of its first chart."""
    found: dict[Reference, str] = {}
    for release in releases:
        for image in release.discovery.images:
            found.setdefault(parse(image), release.where)
    return found


def report_unresolved(release: Release, strict: bool, listener: Listener) -> None:
    """Warn about unknown images of a release; raise BadInput if ``strict``."""
    if not release.discovery.unresolved:
        return
    listed = "; ".join(release.discovery.unresolved)
    error = BadInput(
        f"some images of chart {release.name} are unknown: {listed}",
        where=release.where,
        hint=UNKNOWN,
    )
    if strict:
        raise error
    listener(Note(f"warning: {error}"))
