"""Builds a bundle: collects what the spec names, then writes it in one go.

Every part that fails is told at the end; nothing has then been written but blobs in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeboot.bundle import archive, charts, contents_json, k3s_release, sbom
from edgeboot.bundle.compose import group
from edgeboot.bundle.contents import Contents, Image, Item, Role
from edgeboot.bundle.download import Downloader
from edgeboot.bundle.images import take_apart
from edgeboot.bundle.spec import Entry, K3s, Spec, is_release_name
from edgeboot.bundle.store import Store, default_root, readable
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed, combined_exit_code
from edgeboot.events import Listener, Note, silent
from edgeboot.platform import Arch

_BY_EXIT_CODE = {error.exit_code: error for error in (BadInput, Refused, StepFailed)}


def build(
    spec: Spec,
    output: Path,
    *,
    release: Path | str | None = None,
    store: Store | None = None,
    channels: str = k3s_release.CHANNELS,
    listener: Listener = silent,
) -> Path:
    """Build the bundle of ``spec``, write it to ``output`` and return that.

    ``release`` (a directory or URL) replaces the spec's source; ``store`` is the cache to work in;
    ``channels`` is the base URL of the channel service. Raises the one error there was, or one
    that lists them all and has the exit code of the gravest.
    """
    work = _Work(spec, store or Store(default_root()), listener)
    origin, declared = _origin(spec.k3s, release, work.store, channels)
    for arch in spec.k3s.arches:
        with work.part(spec.k3s.where):
            work.k3s(origin, arch, declared)
    for entry in spec.images:
        with work.part(entry.where):
            work.extra_images(entry)
    for entry in spec.charts:
        with work.part(entry.where):
            work.chart(entry)
    for role, entries in ((Role.MANIFEST, spec.manifests), (Role.FILE, spec.files)):
        for entry in entries:
            with work.part(entry.where):
                work.file(role, entry)
    work.raise_failures()
    contents = work.contents()
    work.note(f"writing {output}")
    archive.write(output, contents, work.store.source)
    return output


def _origin(
    k3s: K3s, release: Path | str | None, store: Store, channels: str
) -> tuple[k3s_release.Origin, str | None]:
    """Where the release is, and its version where that is known beforehand.

    A URL is the place of all versions when the spec names one, else that of the files themselves.
    """
    source = k3s.source if release is None else release
    if isinstance(source, Path):
        if not source.is_dir():
            raise BadInput(f"there is no release directory {source}", where=k3s.where)
        return k3s_release.DirectoryOrigin(source), k3s.version
    downloader = Downloader()
    version = k3s.version
    if k3s.channel is not None:
        version = k3s_release.channel_version(k3s.channel, downloader, channels)
    if source is None and version is None:
        hint = "add 'version', 'channel' or 'source', or give --k3s-release"
        raise BadInput("the bundle does not say which K3s", where=k3s.where, hint=hint)
    base = source or k3s_release.RELEASES
    url = k3s_release.version_url(base, version) if version else base
    return k3s_release.HttpOrigin(url, downloader, store), version


@dataclass
class _Work:
    """What has been collected so far, and what has failed."""

    spec: Spec
    store: Store
    listener: Listener
    items: list[Item] = field(default_factory=list)
    images: dict[tuple[str, str], Image] = field(default_factory=dict)
    failures: list[EdgebootError] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.listener(Note(text))

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """Collects one part: its failure is kept, with the place in the spec, for the end."""
        try:
            yield
        except EdgebootError as error:
            error.where = error.where or where
            self.failures.append(error)

    def raise_failures(self) -> None:
        """Raise what failed, if anything did."""
        if len(self.failures) == 1:
            raise self.failures[0]
        if self.failures:
            kind = _BY_EXIT_CODE[combined_exit_code(e.exit_code for e in self.failures)]
            listed = "\n".join(f"- {error}" for error in self.failures)
            raise kind(f"{len(self.failures)} parts of the bundle failed:\n{listed}")

    def k3s(self, origin: k3s_release.Origin, arch: Arch, declared: str | None) -> None:
        """Collect K3s and its images for one architecture."""
        self.note(f"K3s for {arch.name} from {origin.describe('')}")
        part = k3s_release.acquire(origin, arch, self.store)
        found = k3s_release.embedded_version(self.store.source(part.binary).path)
        label = origin.describe(arch.k3s_binary)
        wanted = declared or next((item.version for item in self.items), None) or found
        if wanted is None:
            raise BadInput(f"{label} does not tell its version", hint="add 'version' to 'k3s'")
        if found not in (None, wanted):
            raise BadInput(f"{label} is {found}, not {wanted}")
        self._add_item(Item(Role.K3S_BINARY, "k3s", part.binary, arch.name, wanted))
        self._add_images(take_apart(part.images, (arch,), self.store, part.images_name))

    def extra_images(self, entry: Entry) -> None:
        """Collect the images of an archive."""
        self.note(f"images of {entry.path}")
        self._add_images(take_apart(entry.path, self.spec.k3s.arches, self.store, str(entry.path)))

    def chart(self, entry: Entry) -> None:
        """Collect a chart."""
        self.note(f"chart {entry.path}")
        chart = charts.collect(entry.path, self.store)
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
            self.spec.version,
            self.spec.expires,
        )
        contents = self._with_sbom(contents)
        contents_json.check(contents)
        return contents

    def _with_sbom(self, contents: Contents) -> Contents:
        data = sbom.document(contents, self.store.source)
        blob = self.store.add([data], what=sbom.FILE_NAME)
        return replace(contents, items=(*contents.items, Item(Role.SBOM, sbom.FILE_NAME, blob)))

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
        for name in sorted({name for name, _ in self.images}):
            lacking = [a.name for a in self.spec.k3s.arches if (name, a.name) not in self.images]
            if lacking:
                raise BadInput(
                    f"the bundle has {name}, but not for {', '.join(lacking)}",
                    hint="add an archive with it, or leave the architecture out of 'arches'",
                )
