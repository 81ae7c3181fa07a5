"""Reads ``Chart.yaml``, ``Chart.lock`` and their predecessors.

Source: Helm documentation, "Charts".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.bundle.charts import semver
from edgeboot.errors import BadInput
from edgeboot.yaml import foreign

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Dependency:
    """A dependency of a chart; ``version`` is a range, or exact in a lock."""

    name: str
    version: str
    repository: str


@dataclass(frozen=True)
class Metadata:
    """The metadata of a chart."""

    name: str
    version: str
    annotations: Mapping[str, str]
    dependencies: tuple[Dependency, ...]
    locked: tuple[Dependency, ...]
    library: bool


def read(files: Mapping[str, bytes], what: str) -> Metadata:
    """Read the metadata of a chart; raises BadInput, naming ``what``, if it is invalid."""
    where = f"{what}: Chart.yaml"
    top = _document(files["Chart.yaml"], where)
    name, version = _text(top, "name"), _text(top, "version")
    if not _NAME.fullmatch(name):
        raise BadInput(f"{where}: missing or invalid chart name", hint="write 'name: …'")
    if not _VERSION.fullmatch(version):
        raise BadInput(f"{where}: missing or invalid chart version", hint="write 'version: …'")
    wanted, lock = top, files.get("Chart.lock")
    if _text(top, "apiVersion") == "v1" and "requirements.yaml" in files:
        wanted = _document(files["requirements.yaml"], f"{what}: requirements.yaml")
        lock = files.get("requirements.lock")
    locked = _document(lock, f"{what}: Chart.lock") if lock else {}
    notes = top.get("annotations")
    return Metadata(
        name,
        version,
        {k: v for k, v in notes.items() if isinstance(v, str)} if isinstance(notes, dict) else {},
        tuple(_dependencies(wanted, where)),
        tuple(_dependencies(locked, f"{what}: Chart.lock")),
        _text(top, "type") == "library",
    )


def locked_version(dependency: Dependency, metadata: Metadata, what: str) -> str:
    """Return the locked version of a dependency, or its range if there is no lock.

    Raises BadInput if the lock does not match the dependencies.
    """
    if not metadata.locked:
        return dependency.version
    for entry in metadata.locked:
        if entry.name == dependency.name and _satisfies(entry.version, dependency.version):
            return entry.version
    raise BadInput(
        f"{what}: Chart.lock does not match Chart.yaml: no {dependency.name} {dependency.version}",
        hint="run `helm dependency update` on the chart, or remove its Chart.lock",
    )


def _satisfies(version: str, wanted: str) -> bool:
    try:
        return semver.constraint(wanted).allows(semver.parse(version))
    except ValueError:
        return version == wanted


def _document(data: bytes, where: str) -> dict[Any, Any]:
    try:
        document = foreign.parse_texts(data)
    except ValueError as error:
        raise BadInput(f"{where} is not valid YAML: {str(error)[:200]}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadInput(f"{where} must be a mapping")
    return document


def _text(mapping: dict[Any, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _dependencies(top: dict[Any, Any], where: str) -> Iterator[Dependency]:
    entries = top.get("dependencies") or []
    for entry in entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, dict) or not _NAME.fullmatch(_text(entry, "name")):
            raise BadInput(f"{where}: invalid dependencies")
        yield Dependency(_text(entry, "name"), _text(entry, "version"), _text(entry, "repository"))
