"""Determines the images of a chart.

With Helm, images come from rendered manifests. Without Helm, they come from declarations: the
annotation ``artifacthub.io/images`` and Bitnami's ``Images.lock``. edgeboot renders no templates
itself (decision 0020).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.bundle.charts import chart_yaml
from edgeboot.bundle.charts.package import Files
from edgeboot.bundle.charts.vendoring import subcharts
from edgeboot.bundle.oci.reference import full_name
from edgeboot.yaml import foreign

NOT_RENDERED = "not rendered, because no helm was found, and it does not declare its images"

# A full reference: with a registry, and a tag or digest. Images that a chart's programs start are
# given as arguments (--config-reloader-image=…), in the environment (RELATED_IMAGE_…) and in the
# files of ConfigMaps.
_FULL_REFERENCE = (
    r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost)(?::[0-9]{1,5})?/[a-z0-9._/-]*[a-z0-9]"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
)
_WHOLE = re.compile(rf"(?:--?[A-Za-z0-9-]+=)?({_FULL_REFERENCE})")
_IN_FILE = re.compile(
    rf"""(?im)^[^#\n]*?image["']?[ \t]*[:=][ \t]*["']?({_FULL_REFERENCE})["']?[ \t]*,?[ \t]*$"""
)
_ANNOTATION = "artifacthub.io/images"
_LOCK = "Images.lock"


@dataclass(frozen=True)
class Found:
    """An image; ``how`` is the method that found it, ``where`` the place in the chart."""

    image: str
    how: str
    where: str


@dataclass(frozen=True)
class Discovery:
    """The images of one chart; ``unresolved`` describes images that could not be determined."""

    found: tuple[Found, ...]
    unresolved: tuple[str, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Full names, sorted and without duplicates."""
        return tuple(sorted({found.image for found in self.found}))


def from_rendered(documents: Iterable[object]) -> Discovery:
    """Find the images in manifests from ``helm template``, with every scalar as text."""
    found: set[Found] = set()
    unresolved: set[str] = set()
    for document in documents:
        if not isinstance(document, dict) or document.get("kind") == "CustomResourceDefinition":
            continue
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else ""
        where = f"{document.get('kind')}/{name}"
        for image in _images_in(document):
            full = _full(image)
            if full is None:
                unresolved.add(f"{where}: invalid image {image[:100]!r}")
            else:
                found.add(Found(full, "helm template", where))
    return _discovery(found, unresolved)


def from_declarations(files: Files, what: str) -> Discovery:
    """Find the images that a chart declares.

    A chart's declaration covers its subcharts. A chart with templates but without a declaration is
    unresolved.
    """
    found: set[Found] = set()
    unresolved: set[str] = set()
    _declared(files, what, found, unresolved)
    return _discovery(found, unresolved)


def _discovery(found: set[Found], unresolved: set[str]) -> Discovery:
    ordered = sorted(found, key=lambda f: (f.image, f.how, f.where))
    return Discovery(tuple(ordered), tuple(sorted(unresolved)))


def _images_in(document: object) -> Iterator[str]:
    """Yield every image in a manifest; visits aliased nodes only once."""
    pending, seen = [document], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "image" and (image := _image(value)) is not None:
                    yield image
                elif key in ("args", "command") and isinstance(value, list):
                    yield from _given(value)
                elif isinstance(value, str):
                    yield from _given_as(str(key), value, node)
                else:
                    pending.append(value)
            yield from _in_files(node)


def _given_as(key: str, value: str, node: Mapping[object, object]) -> Iterator[str]:
    """Yield an image under a key like ``defaultImage``, or in a variable of the environment."""
    if key.lower().endswith("image") or (key == "value" and "name" in node):
        yield from _given((value,))


def _in_files(node: Mapping[object, object]) -> Iterator[str]:
    """Yield the images in the files of a ConfigMap."""
    files = node.get("data") if node.get("kind") == "ConfigMap" else None
    for text in files.values() if isinstance(files, dict) else ():
        if isinstance(text, str):
            yield from _given((text,))
            yield from (match[1] for match in _IN_FILE.finditer(text))


def _given(values: Iterable[object]) -> Iterator[str]:
    """Yield the full references among arguments or values."""
    for value in values:
        if isinstance(value, str) and (match := _WHOLE.fullmatch(value.strip())):
            yield match[1]


def _image(value: object) -> str | None:
    """Return an image given as text or in parts (as in custom resources), or None."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("repository"), str):
        return None
    registry, digest, tag = (value.get(key) or "" for key in ("registry", "digest", "tag"))
    end = f"@{digest}" if digest else f":{tag}" if tag else ""
    return f"{registry}{'/' if registry else ''}{value['repository']}{end}"


def _full(image: str) -> str | None:
    try:
        return full_name(image)
    except ValueError:
        return None


def _declared(files: Files, what: str, found: set[Found], unresolved: set[str]) -> None:
    metadata = chart_yaml.read(files, what)
    before = len(found)
    lock = next((data for path, data in files.items() if path.lower() == _LOCK.lower()), b"")
    for how, data in (
        (f"annotation {_ANNOTATION}", metadata.annotations.get(_ANNOTATION, "").encode()),
        (_LOCK, lock),
    ):
        for image in filter(None, map(_full, _entries(data))):
            found.add(Found(image, how, what))
    if len(found) > before:
        return
    if not metadata.library and any(map(_is_template, files)):
        unresolved.add(f"{what}: {NOT_RENDERED}")
    for sub in subcharts(files, what):
        _declared(sub.files, f"{what}: {sub.path}", found, unresolved)


def _entries(data: bytes) -> Iterator[str]:
    """Yield ``image`` of each entry of a list, or of the list under ``images``."""
    try:
        document: Any = foreign.parse_texts(data)
    except ValueError:
        return
    entries = document.get("images") if isinstance(document, Mapping) else document
    for entry in entries if isinstance(entries, list) else ():
        image = entry.get("image") if isinstance(entry, dict) else None
        if isinstance(image, str):
            yield image


def _is_template(path: str) -> bool:
    """Report whether Helm renders manifests from a file of a chart."""
    name = path.rpartition("/")[2]
    return path.startswith("templates/") and not name.startswith("_") and name != "NOTES.txt"
