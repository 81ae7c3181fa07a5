"""Which images a chart needs, and how that is known.

Helm renders the chart where there is one. Without Helm, only what a chart declares is known: the
annotation ``artifacthub.io/images`` and Bitnami's ``Images.lock``. edgeboot renders nothing itself
(decision 0020).
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

# an operator is told the images that it will start: --config-reloader-image=HOST/REPOSITORY:TAG
_ARGUMENT = re.compile(
    r"--?[a-z0-9-]*(?:image|reloader)[a-z0-9-]*=([a-z0-9.-]+\.[a-z0-9.-]+(?::[0-9]+)?/\S+?:[\w.@:-]+)"
)
_ANNOTATION = "artifacthub.io/images"
_LOCK = "Images.lock"


@dataclass(frozen=True)
class Found:
    """An image, and what says so: ``how`` is the method, ``where`` the place in the chart."""

    image: str
    how: str
    where: str


@dataclass(frozen=True)
class Discovery:
    """What was found in one chart; ``unresolved`` are places that name an unknown image."""

    found: tuple[Found, ...]
    unresolved: tuple[str, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Full names, each once."""
        return tuple(sorted({found.image for found in self.found}))


def from_rendered(documents: Iterable[object]) -> Discovery:
    """The images of the manifests that ``helm template`` printed, with every scalar as text."""
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
    """The images that a chart declares.

    A chart's declaration counts for its subcharts as well. Where neither it nor they declare
    anything, what the chart needs is unresolved.
    """
    found: set[Found] = set()
    unresolved: set[str] = set()
    _declared(files, what, found, unresolved)
    return _discovery(found, unresolved)


def _discovery(found: set[Found], unresolved: set[str]) -> Discovery:
    ordered = sorted(found, key=lambda f: (f.image, f.how, f.where))
    return Discovery(tuple(ordered), tuple(sorted(unresolved)))


def _images_in(document: object) -> Iterator[str]:
    """Every image in a manifest; each node is visited once, however often aliases repeat it."""
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
                    yield from (
                        m[1] for v in value if isinstance(v, str) if (m := _ARGUMENT.match(v))
                    )
                else:
                    pending.append(value)


def _image(value: object) -> str | None:
    """An image as one text, or in parts, as resources for operators have it; None: no image."""
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
    """The ``image`` of each entry of a list, which may stand below ``images``."""
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
    """Whether Helm would render manifests from a file of a chart."""
    name = path.rpartition("/")[2]
    return path.startswith("templates/") and not name.startswith("_") and name != "NOTES.txt"
