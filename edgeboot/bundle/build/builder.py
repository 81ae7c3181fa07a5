"""Builds a bundle: collects everything that the spec names, then writes the file.

Failures of single parts are collected and reported together. After a failure only the blob store
has changed; no bundle is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from edgeboot.bundle.build import sbom
from edgeboot.bundle.build.component_images import kept
from edgeboot.bundle.build.failures import Failures
from edgeboot.bundle.build.image_files import take_apart
from edgeboot.bundle.build.local_files import FileEntry
from edgeboot.bundle.build.lock import Lock, Pins
from edgeboot.bundle.build.releases import helm as helm_release
from edgeboot.bundle.build.releases import k3s as k3s_release
from edgeboot.bundle.build.releases.origin import Origin
from edgeboot.bundle.build.resolve import (
    chart_item,
    find_k3s,
    pin_chart,
    pin_file,
    pin_k3s,
    pin_reference,
    pinned_pulls,
)
from edgeboot.bundle.build.spec import Spec
from edgeboot.bundle.charts import images
from edgeboot.bundle.charts.helm import find as find_helm
from edgeboot.bundle.charts.oci import RegistryCharts
from edgeboot.bundle.charts.repository import Repositories
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.format import archive, encoding
from edgeboot.bundle.format.contents import Contents, Image, Item, Role
from edgeboot.bundle.format.image_archive import Fetch, group
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.pull import Pull, Wanted
from edgeboot.bundle.store.blobs import Store, default_root, readable
from edgeboot.errors import BadInput, EdgebootError
from edgeboot.events import BytesHandled, Listener, Note, silent
from edgeboot.localio import disk_space
from edgeboot.localio.progress import Counted, Tally
from edgeboot.platform import Arch


def build(
    spec: Spec,
    output: Path,
    *,
    release: Path | str | None = None,
    store: Store | None = None,
    channels: str = k3s_release.CHANNELS,
    registry: Registry | None = None,
    lock: Lock | None = None,
    helm: str | None = None,
    listener: Listener = silent,
) -> Path:
    """Build the bundle of ``spec``, write it to ``output`` and return ``output``.

    ``release`` (a directory or URL) overrides the spec's K3s source. ``store`` caches blobs.
    ``channels`` is the base URL of the channel service. With ``lock``, any difference from it
    raises Refused. ``helm`` is the program that renders charts, overriding the spec's.
    Raises the error of the one part that failed, or an error that lists all of them and has the
    most severe exit code.
    """
    disk_space.check_target(output)
    find_helm(helm)  # fail early: report a missing program before any download
    pins = Pins(lock, frozen=lock is not None)
    work = _Work(spec, store or Store(default_root()), listener, pins)
    origin, declared = find_k3s(spec.k3s, release, work.store, channels, pins, listener)
    for arch in spec.k3s.arches:
        with work.failures.part(spec.k3s.where):
            work.k3s(origin, arch, declared)
    for entry in spec.images:
        with work.failures.part(entry.where):
            work.extra_images(entry)
    client = registry or Registry(spec.registries)
    work.pull(pinned_pulls(spec, pins, client, work.failures), client)
    repositories = Repositories(work.store, oci=RegistryCharts(client))
    for chart in spec.charts:
        with work.failures.part(chart.where):
            work.chart(chart, repositories)
    with work.failures.part(None):
        work.chart_images(helm, client)
    for role, entries in ((Role.MANIFEST, spec.manifests), (Role.FILE, spec.files)):
        for entry in entries:
            with work.failures.part(entry.where):
                work.file(role, entry)
    with work.failures.part(spec.k3s.where):
        pins.check_unused()
    work.failures.settle()
    contents = work.contents()
    work.note(f"writing {output}")
    archive.write(output, contents, work.store.source, listener)
    return output


@dataclass
class _Work:
    """The collected parts of a bundle, and the failures."""

    spec: Spec
    store: Store
    listener: Listener
    pins: Pins
    items: list[Item] = field(default_factory=list)
    images: dict[tuple[str, str], Image] = field(default_factory=dict)
    charts: list[tuple[Item, str]] = field(
        default_factory=list
    )  # to search for images; str: file:line in the spec
    failures: Failures = field(default_factory=Failures)

    def note(self, text: str) -> None:
        self.listener(Note(text))

    def k3s(self, origin: Origin, arch: Arch, declared: str | None) -> None:
        """Collect K3s and its images for one architecture."""
        self.note(f"K3s for {arch.name} from {origin.describe('')}")
        sums = pin_k3s(self.pins, origin, arch)
        part = k3s_release.acquire(origin, arch, self.store, sums)
        found = k3s_release.embedded_version(self.store.source(part.binary).path)
        label = origin.describe(arch.k3s_binary)
        wanted = declared or next((item.version for item in self.items), None) or found
        if wanted is None:
            raise BadInput(f"{label} does not state its version", hint="add 'version' to 'k3s'")
        if found not in (None, wanted):
            raise BadInput(f"{label} is {found}, not {wanted}")
        self._add_item(Item(Role.K3S_BINARY, "k3s", part.binary, arch.name, wanted))
        images = take_apart(part.images, (arch,), self.store, part.images_name)
        self._add_images(kept(images, self.spec.k3s.without))

    def extra_images(self, entry: FileEntry) -> None:
        """Collect the images in an archive."""
        self.note(f"images from {entry.path}")
        pin_file(self.pins, "archives", entry)
        self._add_images(take_apart(entry.path, self.spec.k3s.arches, self.store, str(entry.path)))

    def pull(self, wanted: list[tuple[Wanted, str]], registry: Registry) -> None:
        """Pull images from registries; each image that fails counts as one failure."""
        if wanted:
            images = "1 image" if len(wanted) == 1 else f"{len(wanted)} images"
            self.note(f"pulling {images}")
        outcomes = Pull(registry, self.store, self.listener).run(want for want, _ in wanted)
        for (_, where), outcome in zip(wanted, outcomes, strict=True):
            with self.failures.part(where):
                if isinstance(outcome, EdgebootError):
                    raise outcome
                self._add_images(outcome)

    def chart_images(self, program: str | None, registry: Registry) -> None:
        """Collect the images of charts that are not yet in the bundle."""
        version = next((i.version for i in self.items if i.role is Role.K3S_BINARY), None) or ""
        releases = []
        helm = None
        if any(entry.discover for entry in self.spec.charts):
            helm = helm_release.choose(
                self.spec.helm, program, version, self.pins, self.store, self.listener
            )
        for item, where in self.charts:
            with self.failures.part(where):
                release = images.examine(item, where, self.store, helm)
                releases.append(release)
                images.report_unresolved(release, self.spec.strict, self.listener)
        there = {name for name, _ in self.images}
        wanted = []
        for reference, where in images.references(releases).items():
            if reference.name in there:  # the lock may pin it twice: as an image, and as a chart's
                self.pins.repeat("chart-images", reference.name, str(reference))
            else:
                with self.failures.part(where):
                    pinned = pin_reference(self.pins, "chart-images", reference, registry)
                    wanted.append((Wanted(pinned, self.spec.k3s.arches), where))
        self.pull(wanted, registry)

    def chart(self, entry: ChartEntry, repositories: Repositories) -> None:
        """Collect a chart."""
        self.note(f"chart {entry.describe()}")
        chart = pin_chart(self.pins, entry, self.store, repositories)
        item = chart_item(entry, chart)
        self._add_item(item)
        if entry.discover:
            self.charts.append((item, entry.where))

    def file(self, role: Role, entry: FileEntry) -> None:
        """Collect a manifest or a plain file."""
        name = entry.name or entry.path.name
        if not encoding.is_item_name(name):
            raise BadInput(
                f"{name!r} is not a valid file name on nodes", hint="give it a plain 'name'"
            )
        self.note(f"{role} {entry.path}")
        blob = self.store.add(readable(entry.path), expected=entry.sha256, what=str(entry.path))
        pin_file(self.pins, f"{role}s", entry, blob)
        self._add_item(Item(role, name, blob))

    def contents(self) -> Contents:
        """Return the table of contents; composes and hashes every image archive."""
        self._check_coverage()
        arches = tuple(arch.name for arch in self.spec.k3s.arches)
        images = sorted(self.images.values(), key=lambda i: (arches.index(i.arch), i.name))
        self.note(f"composing archives of {len(images)} images")
        fetch = self._counted(images)
        contents = Contents(
            self.spec.name,
            next(i.version for i in self.items if i.role is Role.K3S_BINARY and i.version),
            arches,
            tuple(sorted(self.items, key=lambda i: (i.role, i.name, i.arch or ""))),
            tuple(images),
            tuple(
                composed
                for arch in arches
                for composed in group((i for i in images if i.arch == arch), fetch)
            ),
            self.pins.digest,
            self.spec.version,
            self.spec.expires,
        )
        contents = self._with_sbom(contents)
        encoding.check(contents)
        return contents

    def _counted(self, images: list[Image]) -> Fetch:
        """Return a Fetch that reports progress; each blob is read once per architecture."""
        blobs = {(image.arch, blob) for image in images for blob in image.blobs}
        total = sum(blob.size for _, blob in blobs)
        tally = Tally(partial(BytesHandled, "hashing", "image archives"), self.listener, total)
        return lambda blob: Counted(self.store.source(blob), tally)

    def _with_sbom(self, contents: Contents) -> Contents:
        data = sbom.document(contents, self.store.source)
        blob = self.store.add([data], what=sbom.FILE_NAME)
        return replace(contents, items=(*contents.items, Item(Role.SBOM, sbom.FILE_NAME, blob)))

    def _add_item(self, item: Item) -> None:
        alike = (item.role, item.name.casefold(), item.arch)
        if any(alike == (i.role, i.name.casefold(), i.arch) for i in self.items):
            raise BadInput(f"duplicate {item.role} item {item.name!r}")
        self.items.append(item)

    def _add_images(self, images: Iterable[Image]) -> None:
        for image in images:
            known = self.images.setdefault((image.name, image.arch), image)
            if known != image:
                raise BadInput(f"conflicting images for {image.arch}: {image.name}")

    def _check_coverage(self) -> None:
        """Raise BadInput if an image is missing for one of the architectures."""
        declared = {entry.reference.name for entry in self.spec.pulls if entry.arches}
        for name in sorted({name for name, _ in self.images} - declared):
            lacking = [a.name for a in self.spec.k3s.arches if (name, a.name) not in self.images]
            if lacking:
                raise BadInput(
                    f"the bundle has {name}, but not for {', '.join(lacking)}",
                    hint="add an archive with it, or remove the architecture from 'arches'",
                )
