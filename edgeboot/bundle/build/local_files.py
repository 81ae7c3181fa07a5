"""The sections of ``bundle.yml`` that name files on this machine.

Each function raises BadInput with file:line for every mistake in what it reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeboot.blob import is_sha256
from edgeboot.bundle.format.encoding import is_item_name
from edgeboot.errors import BadInput
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping, Scalar, Sequence
from edgeboot.yaml.wording import quoted

# K3s takes the text before the first dot as the name of a Kubernetes object (facts: manifests)
_MANIFEST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[A-Za-z0-9-]+)*\.(yaml|yml|json)")


@dataclass(frozen=True)
class FileEntry:
    """A local file to bundle; ``name`` is its file name on nodes.

    ``where`` is file:line in the spec, ``sha256`` the expected hash in hexadecimal.
    """

    path: Path
    where: str
    name: str | None = None
    sha256: str | None = None
    label: str = ""  # the path as written; its key in a lock


def manifests(reader: Reader, base: Path) -> tuple[FileEntry, ...]:
    """Read the list ``manifests``."""
    texts, value, problems = reader.texts("manifests"), reader.value("manifests"), Problems()
    items = value.items if isinstance(value, Sequence) else ()
    places = [item.where for item in items if isinstance(item, Scalar)]
    entries: dict[str, FileEntry] = {}
    for text, where in zip(texts, places, strict=True):
        path = Path(text)
        addon = path.name.partition(".")[0]
        if not _MANIFEST.fullmatch(path.name):
            what = f"invalid manifest name {quoted(path.name)}"
            hint = "name it like my-app.yaml: lower case and dashes before the first dot"
            problems.report(BadInput(what, where=where, hint=hint))
        elif addon in entries:
            what = f"two manifests are named {quoted(addon)}"
            hint = "rename one: K3s takes the text before the first dot as the name"
            problems.report(BadInput(what, where=where, hint=hint))
        else:
            entries[addon] = FileEntry(base / path, where, path.name, label=text)
    problems.raise_any()
    return tuple(entries.values())


def archive(mapping: Mapping, base: Path) -> FileEntry:
    """Read an entry of ``images`` that names an archive."""
    problems = Problems()
    reader = reader_of(mapping, ("archive",), "an image archive", problems)
    with problems:
        label = reader.text("archive")
    problems.raise_any()
    return FileEntry(base / label, mapping.where(), label=label)


def file(mapping: Mapping, base: Path) -> FileEntry:
    """Read an entry of ``files``."""
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
        if sha256 is not None and not is_sha256(sha256):
            hint = "write 64 lower-case hexadecimal digits"
            raise reader.error("sha256", f"invalid SHA-256 {quoted(sha256)}", hint)
    problems.raise_any()
    return FileEntry(base / label, mapping.where(), name, sha256, label)
