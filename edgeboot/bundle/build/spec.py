"""``bundle.yml``: what to collect. Paths in it are relative to the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edgeboot.bundle.build import registry_images
from edgeboot.bundle.charts import spec
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.format.encoding import DAY, RELEASE, is_bundle_name, is_item_name
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.errors import BadInput
from edgeboot.k3s_version import is_version
from edgeboot.platform import ARCHES, Arch
from edgeboot.yaml import strict

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
    """A whole ``bundle.yml``; ``strict``: an image of a chart that is not known is an error."""

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
    """Read a spec; BadInput with file:line where it is wrong. Does not look at what it names."""
    top = strict.load(path)
    reader = top.reader(_TOP, "the bundle")
    name = reader.text("name")
    if not is_bundle_name(name):
        hint = "use lower-case letters, digits, dots and dashes"
        raise reader.error("name", f"{strict.quoted(name)} is not a name for a bundle", hint)
    base = path.parent
    return Spec(
        name,
        _k3s(reader.mapping("k3s"), base),
        tuple(spec.read(m, base) for m in reader.mappings("charts")),
        _manifests(reader, base),
        tuple(
            _entry(m, base, "a file", ("path", "name", "sha256")) for m in reader.mappings("files")
        ),
        tuple(
            _entry(m, base, "an image", ("archive",))
            for m in reader.mappings("images")
            if "name" not in m
        ),
        pulls=registry_images.image_entries(reader),
        registries=registry_images.registries(reader, base),
        strict=reader.boolean("strict", False),
        version=_literal(
            reader, "version", RELEASE, "write numbers with dots between them, like 1.4"
        ),
        expires=_literal(reader, "expires", DAY, "write the last good day, like 2027-06-30"),
        helm=_helm(reader, base),
    )


def source_of(text: str, base: Path) -> Path | str:
    """A release source as written: an http(s) URL, or a directory relative to ``base``.

    Raises BadInput for any other kind of URL, and for one that carries a password.
    """
    if "://" not in text:
        return base / text
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadInput(f"{strict.quoted(text)} is neither a directory nor an http(s) URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput("a release URL carries no user, query or fragment")
    return text.rstrip("/")


def _literal(reader: strict.Reader, key: str, pattern: re.Pattern[str], hint: str) -> str | None:
    text = reader.literal(key, None)
    if text is not None and not pattern.fullmatch(text):
        raise reader.error(key, f"{strict.quoted(text)} cannot be '{key}'", hint)
    return text


def _k3s(mapping: strict.Mapping, base: Path) -> K3s:
    reader = mapping.reader(("version", "channel", "source", "arches", "images"), "'k3s'")
    version, channel = reader.text("version", None), reader.text("channel", None)
    if version is not None and channel is not None:
        raise reader.error("channel", "'version' and 'channel' exclude each other", "remove one")
    if version is not None and not is_version(version):
        what = f"{strict.quoted(version)} is not a K3s version"
        raise reader.error("version", what, "write it like v1.36.2+k3s1")
    if channel is not None and not _CHANNEL.fullmatch(channel):
        what = f"{strict.quoted(channel)} is not a channel"
        raise reader.error("channel", what, "use stable, latest or v1.36")
    source = _source(reader, base)
    if isinstance(source, Path) and channel is not None:
        hint = "remove 'channel', or name the exact 'version'"
        raise reader.error("channel", "a directory has no channels", hint)
    arches = registry_images.arches(reader) if reader.has("arches") else tuple(ARCHES.values())
    without = registry_images.left_out(reader)
    return K3s(version, channel, source, arches, mapping.where(), without)


def _helm(top: strict.Reader, base: Path) -> HelmPin | None:
    if not top.has("helm"):
        return None
    mapping = top.mapping("helm")
    reader = mapping.reader(("version", "source"), "'helm'")
    version = reader.literal("version")
    if not HELM_VERSION.fullmatch(version):
        what = f"{strict.quoted(version)} is not a version of Helm"
        raise reader.error("version", what, "write it like v3.19.0")
    return HelmPin(version, _source(reader, base), mapping.where())


def _source(reader: strict.Reader, base: Path) -> Path | str | None:
    text = reader.text("source", None)
    try:
        return None if text is None else source_of(text, base)
    except BadInput as error:
        raise reader.error("source", error.what) from None


def _manifests(reader: strict.Reader, base: Path) -> tuple[SpecFile, ...]:
    texts, value = reader.texts("manifests"), reader.value("manifests")
    items = value.items if isinstance(value, strict.Sequence) else ()
    places = [item.where for item in items if isinstance(item, strict.Scalar)]
    entries: dict[str, SpecFile] = {}
    for text, where in zip(texts, places, strict=True):
        path = Path(text)
        if not _MANIFEST.fullmatch(path.name):
            what = f"K3s cannot make an add-on of {strict.quoted(path.name)}"
            hint = "name it like my-app.yaml: lower case and dashes before the first dot"
            raise BadInput(what, where=where, hint=hint)
        addon = path.name.partition(".")[0]
        if addon in entries:
            what = f"two manifests are called {strict.quoted(addon)}"
            raise BadInput(what, where=where, hint="K3s goes by the text before the first dot")
        entries[addon] = SpecFile(base / path, where, path.name, label=text)
    return tuple(entries.values())


def _entry(mapping: strict.Mapping, base: Path, what: str, keys: tuple[str, ...]) -> SpecFile:
    reader = mapping.reader(keys, what)
    label = reader.text(keys[0])
    name, sha256 = reader.text("name", None), reader.text("sha256", None)
    if name is not None and not is_item_name(name):
        hint = "use letters, digits, dots, dashes, underscores and plus signs"
        raise reader.error("name", f"{strict.quoted(name)} is not a file name for nodes", hint)
    if sha256 is not None and not SHA256.fullmatch(sha256):
        raise reader.error("sha256", "is not a SHA-256: 64 lower-case hexadecimal digits")
    return SpecFile(base / label, mapping.where(), name, sha256, label)
