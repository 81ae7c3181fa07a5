"""Builds a bundle: collects what the spec names, then writes it in one go.

Every part that fails is told at the end; nothing has then been written but blobs in the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.bundle import archive, charts, contents_json, k3s_release
from edgeboot.bundle.compose import group
from edgeboot.bundle.contents import Contents, Image, Item, Role
from edgeboot.bundle.images import take_apart
from edgeboot.bundle.k3s_images import kept
from edgeboot.bundle.lock import Lock, Pins
from edgeboot.bundle.registry import Registry
from edgeboot.bundle.registry_pull import Pull, Wanted
from edgeboot.bundle.resolve import (
    Failures,
    find_k3s,
    pin_chart,
    pin_file,
    pin_image,
    pin_k3s,
)
from edgeboot.bundle.spec import Entry, Spec, is_release_name
from edgeboot.bundle.store import Store, default_root, readable
from edgeboot.errors import BadInput, EdgebootError
from edgeboot.events import Listener, Note, silent
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
    listener: Listener = silent,
) -> Path:
    """Build the bundle of ``spec``, write it to ``output`` and return that.

    ``release`` (a directory or URL) replaces the spec's source; ``store`` is the cache to work in;
    ``channels`` is the base URL of the channel service; whatever differs from ``lock`` is Refused.
    Raises the one error there was, or one that lists them all and has the exit code of the gravest.
    """
    pins = Pins(lock, frozen=lock is not None)
    work = _Work(spec, store or Store(default_root()), listener, pins)
    origin, declared = find_k3s(spec.k3s, release, work.store, channels, pins)
    for arch in spec.k3s.arches:
        with work.failures.part(spec.k3s.where):
            work.k3s(origin, arch, declared)
    for entry in spec.images:
        with work.failures.part(entry.where):
            work.extra_images(entry)
    work.pull(registry or Registry(spec.registries))
    for entry in spec.charts:
        with work.failures.part(entry.where):
            work.chart(entry)
    for role, entries in ((Role.MANIFEST, spec.manifests), (Role.FILE, spec.files)):
        for entry in entries:
            with work.failures.part(entry.where):
                work.file(role, entry)
    with work.failures.part(spec.k3s.where):
        pins.check_unused()
    work.failures.settle()
    contents = work.contents()
    work.note(f"writing {output}")
    archive.write(output, contents, work.store.source)
    return output


@dataclass
class _Work:
    """What has been collected so far, and what has failed."""

    spec: Spec
    store: Store
    listener: Listener
    pins: Pins
    items: list[Item] = field(default_factory=list)
    images: dict[tuple[str, str], Image] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)

    def note(self, text: str) -> None:
        self.listener(Note(text))

    def k3s(self, origin: k3s_release.Origin, arch: Arch, declared: str | None) -> None:
        """Collect K3s and its images for one architecture."""
        self.note(f"K3s for {arch.name} from {origin.describe('')}")
        sums = pin_k3s(self.pins, origin, arch)
        part = k3s_release.acquire(origin, arch, self.store, sums)
        found = k3s_release.embedded_version(self.store.source(part.binary).path)
        label = origin.describe(arch.k3s_binary)
        wanted = declared or next((item.version for item in self.items), None) or found
        if wanted is None:
            raise BadInput(f"{label} does not tell its version", hint="add 'version' to 'k3s'")
        if found not in (None, wanted):
            raise BadInput(f"{label} is {found}, not {wanted}")
        self._add_item(Item(Role.K3S_BINARY, "k3s", part.binary, arch.name, wanted))
        images = take_apart(part.images, (arch,), self.store, part.images_name)
        self._add_images(kept(images, self.spec.k3s.without))

    def extra_images(self, entry: Entry) -> None:
        """Collect the images of an archive."""
        self.note(f"images of {entry.path}")
        pin_file(self.pins, "archives", entry)
        self._add_images(take_apart(entry.path, self.spec.k3s.arches, self.store, str(entry.path)))

    def pull(self, registry: Registry) -> None:
        """Collect the images of registries; each that fails is a failure of its own."""
        entries, wanted = [], []
        for entry in self.spec.pulls:
            with self.failures.part(entry.where):
                reference = pin_image(self.pins, entry, registry)
                wanted.append(Wanted(reference, entry.arches or self.spec.k3s.arches))
                entries.append(entry)
        if entries:
            self.note(f"{len(entries)} images from registries")
        for entry, outcome in zip(
            entries, Pull(registry, self.store, self.listener).run(wanted), strict=True
        ):
            with self.failures.part(entry.where):
                if isinstance(outcome, EdgebootError):
                    raise outcome
                self._add_images(outcome)

    def chart(self, entry: Entry) -> None:
        """Collect a chart."""
        self.note(f"chart {entry.path}")
        chart = charts.collect(entry.path, self.store)
        pin_chart(self.pins, entry, chart)
        name = entry.name or chart.name
        if not is_release_name(name):
            hint = "give it a 'name' of lower-case letters, digits and dashes"
            raise BadInput(f"{name!r} cannot name what Helm installs", hint=hint)
        self._add_item(Item(Role.CHART, name, chart.blob, version=chart.version))

    def file(self, role: Role, entry: Entry) -> None:
        """Collect a manifest or a plain file."""
        name = entry.name or entry.path.name
        if not contents_json.is_item_name(name):
            raise BadInput(f"{name!r} is not a file name for nodes", hint="give it a plain 'name'")
        self.note(f"{role} {entry.path}")
        blob = self.store.add(readable(entry.path), expected=entry.sha256, what=str(entry.path))
        pin_file(self.pins, f"{role}s", entry, blob)
        self._add_item(Item(role, name, blob))

    def contents(self) -> Contents:
        """The table of contents; hashes every image archive, composed."""
        self._check_coverage()
        arches = tuple(arch.name for arch in self.spec.k3s.arches)
        images = sorted(self.images.values(), key=lambda i: (arches.index(i.arch), i.name))
        self.note(f"composing archives of {len(images)} images")
        contents = Contents(
            self.spec.name,
            next(i.version for i in self.items if i.role is Role.K3S_BINARY and i.version),
            arches,
            tuple(sorted(self.items, key=lambda i: (i.role, i.name, i.arch or ""))),
            tuple(images),
            tuple(
                composed
                for arch in arches
                for composed in group((i for i in images if i.arch == arch), self.store.source)
            ),
            self.pins.lock().digest,
        )
        contents_json.check(contents)
        return contents

    def _add_item(self, item: Item) -> None:
        alike = (item.role, item.name.casefold(), item.arch)
        if any(alike == (i.role, i.name.casefold(), i.arch) for i in self.items):
            raise BadInput(f"two of the bundle's {item.role} items are called {item.name!r}")
        self.items.append(item)

    def _add_images(self, images: Iterable[Image]) -> None:
        for image in images:
            known = self.images.setdefault((image.name, image.arch), image)
            if known != image:
                raise BadInput(f"two different images for {image.arch} are called {image.name}")

    def _check_coverage(self) -> None:
        """Whether each extra image is there for all architectures, so that no node lacks it."""
        declared = {entry.reference.name for entry in self.spec.pulls if entry.arches}
        for name in sorted({name for name, _ in self.images} - declared):
            lacking = [a.name for a in self.spec.k3s.arches if (name, a.name) not in self.images]
            if lacking:
                raise BadInput(
                    f"the bundle has {name}, but not for {', '.join(lacking)}",
                    hint="add an archive with it, or leave the architecture out of 'arches'",
                )
