"""``bundle.yml``: what to collect. Paths in it are relative to the file.

All mistakes of a file are raised at once, in its order. A function that reads a section raises
those of the section, however many.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from edgeboot.bundle.build import registry_images
from edgeboot.bundle.charts import spec as chart_spec
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.format.encoding import DAY, RELEASE, is_bundle_name, is_item_name
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.errors import BadInput
from edgeboot.k3s_version import is_version
from edgeboot.platform import ARCHES, Arch
from edgeboot.yaml import parser
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping, Scalar, Sequence
from edgeboot.yaml.wording import quoted

T = TypeVar("T")

# Helm's tags: v3.19.0, v4.0.0-rc.1
HELM_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-(alpha|beta|rc)\.[0-9]{1,3})?")
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# K3s takes the text before the first dot as the name of a Kubernetes object (facts: manifests)
_MANIFEST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[A-Za-z0-9-]+)*\.(yaml|yml|json)")


@dataclass(frozen=True)
class K3s:
    """Which K3s and where from.

    At most one of ``version`` and ``channel`` is set; with neither, it is what the source holds.
    ``source`` is a release directory, or a URL; None is where K3s publishes its releases.
    """

    version: str | None
    channel: str | None
    source: Path | str | None
    arches: tuple[Arch, ...]
    where: str
    without: tuple[str, ...] = ()  # components whose images are not wanted


@dataclass(frozen=True)
class HelmPin:
    """The Helm to render charts with: its version, and the directory or URL that has its files.

    ``source`` None is where Helm publishes its releases.
    """

    version: str
    source: Path | str | None
    where: str


@dataclass(frozen=True)
class SpecFile:
    """A file or directory to carry; ``name`` is what it is called on nodes, where that matters."""

    path: Path
    where: str
    name: str | None = None
    sha256: str | None = None
    label: str = ""  # the path as written: what a lock calls it


@dataclass(frozen=True)
class Spec:
    """A whole ``bundle.yml``. ``strict``: an unknown image of a chart is an error."""

    name: str
    k3s: K3s
    charts: tuple[ChartEntry, ...]
    manifests: tuple[SpecFile, ...]
    files: tuple[SpecFile, ...]
    images: tuple[SpecFile, ...]  # archives
    pulls: tuple[registry_images.ImageEntry, ...] = ()
    registries: tuple[RegistrySettings, ...] = ()
    strict: bool = False
    version: str | None = None
    expires: str | None = None
    helm: HelmPin | None = None


_TOP = (
    *("name", "version", "expires", "k3s", "charts", "manifests", "files", "images"),
    *("registries", "strict", "helm"),
)


def load(path: Path) -> Spec:
    """Read a spec; does not look at what it names. BadInput with file:line of each mistake."""
    problems, base = Problems(), path.parent
    reader = reader_of(parser.load(path, problems), _TOP, "the bundle", problems)
    with problems:
        name = _name(reader)
    with problems:
        hint = "write numbers with dots between them, like 1.4"
        version = _literal(reader, "version", RELEASE, hint)
    with problems:
        expires = _literal(reader, "expires", DAY, "write the last good day, like 2027-06-30")
    with problems:
        k3s = _k3s(reader.mapping("k3s"), base)
    charts = _each(reader, "charts", problems, lambda m: chart_spec.read(m, base))
    with problems:
        manifests = _manifests(reader, base)
    files = _each(reader, "files", problems, lambda m: _file(m, base))
    with problems:
        archives, pulls = _images(reader, base)
    with problems:
        registries = registry_images.registries(reader, base)
    with problems:
        helm = _helm(reader, base)
    with problems:
        strict = reader.boolean("strict", False)
    problems.raise_any()
    return Spec(
        name,
        k3s,
        charts,
        manifests,
        files,
        archives,
        pulls,
        registries,
        strict,
        version,
        expires,
        helm,
    )


def source_of(text: str, base: Path) -> Path | str:
    """A release source as written: an http(s) URL, or a directory relative to ``base``.

    Raises BadInput for any other kind of URL, and for one that has a password.
    """
    if "://" not in text:
        return base / text
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadInput(f"{quoted(text)} is neither a directory nor an http(s) URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput("a release URL must not have a user, query or fragment")
    return text.rstrip("/")


def _each(
    reader: Reader, key: str, problems: Problems, read: Callable[[Mapping], T]
) -> tuple[T, ...]:
    """The entries of a list of mappings; a mistake in one does not hide those in the others."""
    found = []
    with problems:
        for mapping in reader.mappings(key):
            with problems:
                found.append(read(mapping))
    return tuple(found)


def _name(reader: Reader) -> str:
    name = reader.text("name")
    if not is_bundle_name(name):
        hint = "use lower-case letters, digits, dots and dashes"
        raise reader.error("name", f"invalid bundle name {quoted(name)}", hint)
    return name


def _literal(reader: Reader, key: str, pattern: re.Pattern[str], hint: str) -> str | None:
    text = reader.literal(key, None)
    if text is not None and not pattern.fullmatch(text):
        raise reader.error(key, f"invalid '{key}' {quoted(text)}", hint)
    return text


def _k3s(mapping: Mapping, base: Path) -> K3s:
    problems = Problems()
    keys = ("version", "channel", "source", "arches", "images")
    reader = reader_of(mapping, keys, "'k3s'", problems)
    source: Path | str | None = None
    with problems:
        version = reader.text("version", None)
        if version is not None and not is_version(version):
            what = f"invalid K3s version {quoted(version)}"
            raise reader.error("version", what, "write it like v1.36.2+k3s1")
    with problems:
        source = _source(reader, base)
    with problems:
        channel = _channel(reader, source)
    with problems:
        arches = registry_images.arches(reader) if reader.has("arches") else tuple(ARCHES.values())
    with problems:
        without = registry_images.left_out(reader)
    problems.raise_any()
    return K3s(version, channel, source, arches, mapping.where(), without)


def _channel(reader: Reader, source: Path | str | None) -> str | None:
    channel = reader.text("channel", None)
    if channel is None:
        return None
    if reader.has("version"):
        raise reader.error(
            "channel", "'version' and 'channel' are mutually exclusive", "remove one"
        )
    if not _CHANNEL.fullmatch(channel):
        what = f"invalid channel {quoted(channel)}"
        raise reader.error("channel", what, "use stable, latest or v1.36")
    if isinstance(source, Path):
        hint = "remove 'channel', or name the exact 'version'"
        raise reader.error("channel", "a release directory has no channels", hint)
    return channel


def _helm(top: Reader, base: Path) -> HelmPin | None:
    if not top.has("helm"):
        return None
    mapping, problems = top.mapping("helm"), Problems()
    reader = reader_of(mapping, ("version", "source"), "'helm'", problems)
    with problems:
        version = reader.literal("version")
        if not HELM_VERSION.fullmatch(version):
            what = f"invalid Helm version {quoted(version)}"
            raise reader.error("version", what, "write it like v3.19.0")
    with problems:
        source = _source(reader, base)
    problems.raise_any()
    return HelmPin(version, source, mapping.where())


def _source(reader: Reader, base: Path) -> Path | str | None:
    text = reader.text("source", None)
    try:
        return None if text is None else source_of(text, base)
    except BadInput as error:
        raise reader.error("source", error.what) from None


def _manifests(reader: Reader, base: Path) -> tuple[SpecFile, ...]:
    texts, value, problems = reader.texts("manifests"), reader.value("manifests"), Problems()
    items = value.items if isinstance(value, Sequence) else ()
    places = [item.where for item in items if isinstance(item, Scalar)]
    entries: dict[str, SpecFile] = {}
    for text, where in zip(texts, places, strict=True):
        path = Path(text)
        addon = path.name.partition(".")[0]
        if not _MANIFEST.fullmatch(path.name):
            what = f"invalid manifest name {quoted(path.name)}"
            hint = "name it like my-app.yaml: lower case and dashes before the first dot"
            problems.report(BadInput(what, where=where, hint=hint))
        elif addon in entries:
            what = f"two manifests are called {quoted(addon)}"
            hint = "rename one: K3s takes the text before the first dot as the name"
            problems.report(BadInput(what, where=where, hint=hint))
        else:
            entries[addon] = SpecFile(base / path, where, path.name, label=text)
    problems.raise_any()
    return tuple(entries.values())


def _images(
    reader: Reader, base: Path
) -> tuple[tuple[SpecFile, ...], tuple[registry_images.ImageEntry, ...]]:
    """Image archives, and images to pull."""
    archives: list[SpecFile] = []
    pulls: dict[str, registry_images.ImageEntry] = {}
    problems = Problems()
    for mapping in reader.mappings("images"):
        with problems:
            if "archive" in mapping:
                archives.append(_archive(mapping, base))
                continue
            entry = registry_images.image(mapping)
            if pulls.setdefault(entry.reference.name, entry) is not entry:
                what = f"the image {entry.reference.name} is listed twice"
                raise BadInput(what, where=mapping.where("name"), hint="remove one")
    problems.raise_any()
    return tuple(archives), tuple(pulls.values())


def _archive(mapping: Mapping, base: Path) -> SpecFile:
    problems = Problems()
    reader = reader_of(mapping, ("archive",), "an image archive", problems)
    with problems:
        label = reader.text("archive")
    problems.raise_any()
    return SpecFile(base / label, mapping.where(), label=label)


def _file(mapping: Mapping, base: Path) -> SpecFile:
    problems = Problems()
    reader = reader_of(mapping, ("path", "name", "sha256"), "a file", problems)
    with problems:
        label = reader.text("path")
    with problems:
        name = reader.text("name", None)
        if name is not None and not is_item_name(name):
            hint = "use letters, digits, dots, dashes, underscores and plus signs"
            raise reader.error("name", f"invalid file name {quoted(name)}", hint)
    with problems:
        sha256 = reader.text("sha256", None)
        if sha256 is not None and not SHA256.fullmatch(sha256):
            hint = "write 64 lower-case hexadecimal digits"
            raise reader.error("sha256", f"invalid SHA-256 {quoted(sha256)}", hint)
    problems.raise_any()
    return SpecFile(base / label, mapping.where(), name, sha256, label)
