"""Packs Helm charts with their dependencies.

A packed chart with all dependencies is bundled unchanged. Directories, and charts that lack
dependencies, are packed reproducibly with the dependencies in ``charts/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeboot.blob import Blob
from edgeboot.bundle.charts import chart_yaml, package
from edgeboot.bundle.charts.chart_yaml import Dependency, Metadata
from edgeboot.bundle.charts.repository import Repositories
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.store.blobs import Store, readable
from edgeboot.errors import BadInput

_DEPTH = 8  # maximum nesting of dependencies


@dataclass(frozen=True)
class Chart:
    """A packed chart in a store."""

    name: str
    version: str
    blob: Blob


def collect(entry: ChartEntry, store: Store, repositories: Repositories) -> Chart:
    """Fetch the chart of an entry, with its dependencies.

    Raises BadInput if there is no such chart, Refused if its verification fails.
    """
    if isinstance(entry.source, Path):
        return complete(entry.source, store, repositories)
    blob = repositories.fetch(entry.source, entry.chart, entry.version)
    chart = complete(store.source(blob).path, store, repositories, entry.describe())
    if entry.chart and chart.name != entry.chart:
        raise BadInput(
            f"{entry.source} has the chart {chart.name!r} under the name {entry.chart!r}"
        )
    return chart


def complete(
    path: Path, store: Store, repositories: Repositories, what: str = "", depth: int = _DEPTH
) -> Chart:
    """Pack a chart directory or packed chart with its dependencies."""
    what = what or str(path)
    files = package.read(path, what)
    metadata = chart_yaml.read(files, what)
    missing = _missing(metadata, files, what)
    for dependency in missing:
        if not depth:
            raise BadInput(f"{what}: its dependencies are nested deeper than {_DEPTH} charts")
        base = path if path.is_dir() else None
        found = _dependency(dependency, metadata, what, base, store, repositories, depth)
        data = b"".join(store.source(found.blob).open())
        files[f"charts/{found.name}-{found.version}.tgz"] = data
    if path.is_dir() or missing:
        blob = store.add(package.pack(metadata.name, files), what=what)
    else:
        blob = store.add(readable(path), what=what)
    return Chart(metadata.name, metadata.version, blob)


def _missing(metadata: Metadata, files: package.Files, what: str) -> tuple[Dependency, ...]:
    """Return the dependencies that are not in ``charts/``, compared by name as Helm does."""
    if not metadata.dependencies:
        return ()
    there = {chart.metadata.name for chart in subcharts(files, what)}
    return tuple(d for d in metadata.dependencies if d.name not in there)


@dataclass(frozen=True)
class Subchart:
    """A chart in the ``charts/`` of another chart."""

    metadata: Metadata
    files: package.Files
    path: str


def subcharts(files: package.Files, what: str) -> tuple[Subchart, ...]:
    """Return the charts in ``charts/``, directories and packed ones."""
    found = []
    tops = sorted({p.split("/")[1] for p in files if p.startswith("charts/")})
    for top in tops:
        if f"charts/{top}/Chart.yaml" in files:
            inner: package.Files = package.below(files, f"charts/{top}/")
        elif top.endswith(".tgz") and f"charts/{top}" in files:
            inner = package.unpack(files[f"charts/{top}"], f"{what}: charts/{top}")
        else:
            continue
        metadata = chart_yaml.read(inner, f"{what}: charts/{top}")
        found.append(Subchart(metadata, inner, f"charts/{top}"))
    return tuple(found)


def _dependency(
    dependency: Dependency,
    metadata: Metadata,
    what: str,
    base: Path | None,
    store: Store,
    repositories: Repositories,
    depth: int,
) -> Chart:
    name, repository = dependency.name, dependency.repository
    version = chart_yaml.locked_version(dependency, metadata, what)
    if repository.startswith("file://") and base is not None:
        beside = base / repository.removeprefix("file://")
        return complete(beside, store, repositories, "", depth - 1)
    if not repository.startswith(("https://", "http://", "oci://")):
        raise BadInput(
            f"{what} needs {name} from {repository or 'its charts/ directory'}, "
            "which is not supported",
            hint="run `helm dependency update` on the chart, or use the repository's URL",
        )
    if repository.startswith("oci://"):
        repository = f"{repository.rstrip('/')}/{name}"
    blob = repositories.fetch(repository.rstrip("/"), name, version)
    label = f"{name} {version} of {repository}"
    return complete(store.source(blob).path, store, repositories, label, depth - 1)
