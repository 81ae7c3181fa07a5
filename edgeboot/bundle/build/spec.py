"""``bundle.yml``: what to bundle. Paths in it are relative to the file.

All mistakes are reported at once, in file order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgeboot.bundle.build import local_files, registry_images
from edgeboot.bundle.build.local_files import FileEntry
from edgeboot.bundle.build.releases import section as releases
from edgeboot.bundle.build.releases.section import HelmPin, K3s
from edgeboot.bundle.charts import spec as chart_spec
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.format.encoding import DAY, RELEASE, is_bundle_name
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.errors import BadInput
from edgeboot.platform import Arch
from edgeboot.yaml import parser
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping
from edgeboot.yaml.wording import quoted

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """The contents of a ``bundle.yml``.

    ``strict`` turns warnings about unknown images of charts into errors. ``expires`` is a date
    (YYYY-MM-DD, UTC).
    """

    name: str
    k3s: K3s
    charts: tuple[ChartEntry, ...]
    manifests: tuple[FileEntry, ...]
    files: tuple[FileEntry, ...]
    images: tuple[FileEntry, ...]  # archives
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
    """Read a spec without opening the files that it names.

    Raises BadInput with file:line of each mistake.
    """
    problems, base = Problems(), path.parent
    reader = reader_of(parser.load(path, problems), _TOP, "the bundle", problems)
    with problems:
        name = _name(reader)
    with problems:
        hint = "write numbers with dots between them, like 1.4"
        version = _literal(reader, "version", RELEASE, hint)
    with problems:
        expires = _literal(reader, "expires", DAY, "write the last valid day, like 2027-06-30")
    with problems:
        k3s = releases.k3s(reader.mapping("k3s"), base)
    charts = _each(reader, "charts", problems, lambda m: chart_spec.read(m, base))
    with problems:
        manifests = local_files.manifests(reader, base)
    files = _each(reader, "files", problems, lambda m: local_files.file(m, base))
    with problems:
        archives, pulls = _images(reader, base)
    with problems:
        registries = registry_images.registries(reader, base)
    with problems:
        helm = releases.helm(reader, base)
    with problems:
        strict = reader.boolean("strict", False)
    problems.raise_any()
    _check_arches(k3s.arches, pulls)
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


def _each(
    reader: Reader, key: str, problems: Problems, read: Callable[[Mapping], T]
) -> tuple[T, ...]:
    """Read each entry of a list of mappings, and collect the mistakes of all."""
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


def _check_arches(arches: tuple[Arch, ...], pulls: tuple[registry_images.ImageEntry, ...]) -> None:
    """Raise BadInput if an image is for an architecture that the bundle does not have."""
    problems = Problems()
    for entry in pulls:
        for arch in entry.arches or ():
            with problems:
                if arch not in arches:
                    raise BadInput(
                        f"{entry.reference.name} is for {arch.name}, the bundle is not",
                        where=entry.where,
                        hint=f"add {arch.name} to 'arches' of 'k3s', or remove it here",
                    )
    problems.raise_any()


def _images(
    reader: Reader, base: Path
) -> tuple[tuple[FileEntry, ...], tuple[registry_images.ImageEntry, ...]]:
    """Return the image archives and the images to pull."""
    archives: list[FileEntry] = []
    pulls: dict[str, registry_images.ImageEntry] = {}
    problems = Problems()
    for mapping in reader.mappings("images"):
        with problems:
            if "archive" in mapping:
                archives.append(local_files.archive(mapping, base))
                continue
            entry = registry_images.image(mapping)
            if pulls.setdefault(entry.reference.name, entry) is not entry:
                what = f"the image {entry.reference.name} is listed twice"
                raise BadInput(what, where=mapping.where("name"), hint="remove one")
    problems.raise_any()
    return tuple(archives), tuple(pulls.values())
