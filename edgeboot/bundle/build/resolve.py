"""Resolves a spec to a lock: channels to versions, tags to digests, local files to hashes.

Charts are fetched; images and K3s are not. The builder uses the same functions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from edgeboot.blob import Blob
from edgeboot.bundle.build.failures import Failures
from edgeboot.bundle.build.local_files import FileEntry
from edgeboot.bundle.build.lock import Lock, Pins
from edgeboot.bundle.build.registry_images import ImageEntry
from edgeboot.bundle.build.releases import helm as helm_release
from edgeboot.bundle.build.releases import k3s as k3s_release
from edgeboot.bundle.build.releases.origin import DirectoryOrigin, HttpOrigin, Origin
from edgeboot.bundle.build.releases.section import K3s
from edgeboot.bundle.build.spec import Spec
from edgeboot.bundle.charts import images, vendoring
from edgeboot.bundle.charts.oci import RegistryCharts
from edgeboot.bundle.charts.repository import Repositories
from edgeboot.bundle.charts.spec import ChartEntry, is_release_name, read_values
from edgeboot.bundle.format.contents import Item, Role
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.login import login_for
from edgeboot.bundle.registry.pull import Wanted
from edgeboot.bundle.store.blobs import Store, default_root, measure, readable
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import Listener, Note, silent
from edgeboot.platform import Arch


def resolve(
    spec: Spec,
    old: Lock | None = None,
    *,
    release: Path | str | None = None,
    store: Store | None = None,
    channels: str = k3s_release.CHANNELS,
    registry: Registry | None = None,
    helm: str | None = None,
    listener: Listener = silent,
) -> Lock:
    """Return the lock of a spec; pins of ``old`` whose request is unchanged are kept.

    Parameters and errors are those of ``builder.build``.
    """
    pins, failures = Pins(old), Failures()
    work = store or Store(default_root())
    client = registry or Registry(spec.registries)
    version: str | None = None
    brought: frozenset[str] | None = None
    with failures.part(spec.k3s.where):
        origin, version = find_k3s(spec.k3s, release, work, channels, pins)
        for arch in spec.k3s.arches:
            pin_k3s(pins, origin, arch)
        brought = k3s_release.image_names(origin)
    for image in spec.pulls:
        with failures.part(image.where):
            pin_image(pins, image, client)
    repositories = Repositories(work, oci=RegistryCharts(client))
    packed: list[tuple[Item, str]] = []  # to search for images
    for chart in spec.charts:
        with failures.part(chart.where):
            item = chart_item(chart, pin_chart(pins, chart, work, repositories))
            packed += [(item, chart.where)] if chart.discover else []
    maybe = bool(spec.images) or brought is None
    with failures.part(None):
        program = (
            helm_release.choose(spec.helm, helm, version or "", pins, work, listener)
            if packed
            else None
        )
        for item, where in packed:
            with failures.part(where):
                release_ = images.examine(item, where, work, program)
                images.report_unresolved(release_, spec.strict, listener)
                _pin_chart_images(pins, release_, client, brought or frozenset(), maybe)
    files = (("archives", spec.images), ("manifests", spec.manifests), ("files", spec.files))
    for kind, entries in files:
        for entry in entries:
            with failures.part(entry.where):
                pin_file(pins, kind, entry)
    failures.settle()
    return pins.lock()


def find_k3s(
    k3s: K3s,
    release: Path | str | None,
    store: Store,
    channels: str,
    pins: Pins,
    listener: Listener = silent,
) -> tuple[Origin, str | None]:
    """Return the origin of the K3s release, and its version if the spec or channel gives one.

    With a version, a source URL is the base of all versions; without, it has the files itself.
    """
    source = k3s.source if release is None else release
    if isinstance(source, Path):
        if not os.path.isdir(source):  # unlike is_dir, false without permission
            raise BadInput(f"no such release directory: {source}", where=k3s.where)
        return DirectoryOrigin(source), k3s.version
    hint = "check the network, or pass a local release with --k3s-release DIR"
    downloader = Downloader(login=login_for, listener=listener, hint=hint)
    version = k3s.version
    if k3s.channel is not None:
        channel = k3s.channel

        def find() -> dict[str, str]:
            return {"version": k3s_release.channel_version(channel, downloader, channels)}

        version = pins.settle("k3s", "version", f"channel {channel}", find)["version"]
    if source is None and version is None:
        hint = "add 'version', 'channel' or 'source', or pass --k3s-release"
        raise BadInput("the bundle does not specify a K3s version", where=k3s.where, hint=hint)
    base = source or k3s_release.RELEASES
    url = k3s_release.version_url(base, version) if version else base
    return HttpOrigin(url, downloader, store), version


def pin_k3s(pins: Pins, origin: Origin, arch: Arch) -> Mapping[str, str]:
    """Pin and return the checksums of a release's files for an architecture."""
    sums = k3s_release.listed(origin, arch)
    pins.note("k3s", arch.name, arch.k3s_binary, sums)
    return sums


def pin_file(pins: Pins, kind: str, entry: FileEntry, blob: Blob | None = None) -> None:
    """Pin a file by its SHA-256; ``blob`` is its hash, if known."""
    found = blob or measure(readable(entry.path))
    pins.note(kind, entry.label, entry.label, {"sha256": found.sha256})


def pin_image(pins: Pins, entry: ImageEntry, registry: Registry) -> Reference:
    """Pin an image; returns its reference with the locked or current digest."""
    return pin_reference(pins, "images", entry.reference, registry)


def pin_reference(pins: Pins, kind: str, reference: Reference, registry: Registry) -> Reference:
    """Pin an image; ``kind`` is ``images`` (in the spec) or ``chart-images`` (in a chart)."""

    def find() -> dict[str, str]:
        return {"digest": f"sha256:{registry.resolve(reference)}"}

    found = pins.settle(kind, reference.name, str(reference), find)
    return replace(reference, digest=found["digest"].removeprefix("sha256:"))


def releases(
    spec: Spec,
    *,
    store: Store | None = None,
    registry: Registry | None = None,
    helm: str | None = None,
    lock: Lock | None = None,
    listener: Listener = silent,
) -> list[images.Release]:
    """Examine the charts of a spec; parameters and errors are those of ``builder.build``.

    ``lock`` is used only for the pinned Helm.
    """
    work, failures = store or Store(default_root()), Failures()
    client = registry or Registry(spec.registries)
    repositories = Repositories(work, oci=RegistryCharts(client))
    pins, version = Pins(lock), spec.k3s.version or ""
    program = (
        helm_release.choose(spec.helm, helm, version, pins, work, listener) if spec.charts else None
    )
    found = []
    for entry in spec.charts:
        with failures.part(entry.where):
            listener(Note(f"chart {entry.describe()}"))
            item = chart_item(entry, vendoring.collect(entry, work, repositories))
            found.append(images.examine(item, entry.where, work, program))
    failures.settle()
    return found


def _pin_chart_images(
    pins: Pins,
    release: images.Release,
    registry: Registry,
    brought: frozenset[str],
    maybe: bool,
) -> None:
    """Pin the images of a chart, except ``brought``, which the K3s release contains.

    With ``maybe``, an archive may contain the image, so look-up failures are ignored.
    """
    for reference in images.references((release,)):
        if reference.name not in brought:
            with suppress(BadInput, Refused, StepFailed) if maybe else nullcontext():
                pin_reference(pins, "chart-images", reference, registry)


def chart_item(entry: ChartEntry, chart: vendoring.Chart) -> Item:
    """Return a chart as a bundle item; raises BadInput if its release name is invalid."""
    name = entry.name or chart.name
    if not is_release_name(name):
        hint = "set a 'name' of lower-case letters, digits and dashes"
        raise BadInput(f"{name!r} is not a valid Helm release name", hint=hint)
    values = read_values(entry)
    return Item(Role.CHART, name, chart.blob, None, chart.version, entry.namespace, values)


def pinned_pulls(
    spec: Spec, pins: Pins, registry: Registry, failures: Failures
) -> list[tuple[Wanted, str]]:
    """Pin the images of a spec; returns each with its file:line.

    Leaves out images for other architectures than those that are built (``--arch``).
    """
    wanted = []
    for entry in spec.pulls:
        with failures.part(entry.where):
            reference = pin_image(pins, entry, registry)
            arches = tuple(a for a in spec.k3s.arches if a in (entry.arches or spec.k3s.arches))
            if arches:
                wanted.append((Wanted(reference, arches), entry.where))
    return wanted


def pin_chart(
    pins: Pins, entry: ChartEntry, store: Store, repositories: Repositories
) -> vendoring.Chart:
    """Fetch a chart and pin its version and SHA-256; local charts by SHA-256 alone."""
    if isinstance(entry.values, Path):
        values = measure(readable(entry.values))
        pins.note("values", entry.label, entry.label, {"sha256": values.sha256})
    if isinstance(entry.source, Path):
        chart = vendoring.collect(entry, store, repositories)
        pins.note("charts", entry.label, entry.label, {"sha256": chart.blob.sha256})
        return chart

    def find() -> dict[str, str]:
        chart = vendoring.collect(entry, store, repositories)
        return {"version": chart.version, "sha256": chart.blob.sha256}

    found = pins.settle("charts", entry.label, entry.version, find)
    chart = vendoring.collect(replace(entry, version=found["version"]), store, repositories)
    if chart.blob.sha256 != found["sha256"]:
        raise Refused(
            f"{entry.label} {chart.version} differs from the chart that was locked",
            hint="ask its publisher why a released version changed",
        )
    return chart
