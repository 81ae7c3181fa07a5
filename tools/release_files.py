"""Files of a release that must be the same in every build: ``tools/release`` calls this.

release_files.py sdist FILE   write a source archive anew, without times, users and modes of here
release_files.py sbom FILE    write what edgeboot needs at run time, as CycloneDX
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from edgeboot import json_document


def sdist(path: Path) -> None:
    """Give all members one time and one owner, and sort them."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    with tarfile.open(path) as old:
        for member in sorted(old.getmembers(), key=lambda m: m.name):
            file = old.extractfile(member)
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            members.append((member, file.read() if file else b""))
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=epoch, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member, data in members:
            new.addfile(member, io.BytesIO(data))


def sbom(path: Path) -> None:
    """The packages of this environment that edgeboot requires, and they in turn."""
    root = distribution("edgeboot")
    found = {canonicalize_name(d.name): d for d in _required(root, set())}
    components = {name: _component(found[name]) for name in sorted(found)}
    bom = Bom(components=components.values())
    bom.metadata.component = top = _component(root, ComponentType.APPLICATION)
    for package, component in ((root, top), *((found[n], c) for n, c in components.items())):
        needed = _names(package)
        bom.register_dependency(component, [components[n] for n in needed if n in components])
    document = json_document.parse(JsonV1Dot5(bom).output_as_string().encode(), path.name).value
    assert isinstance(document, dict)  # noqa: S101  # the library's promise
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    path.write_bytes(json_document.canonical(document) + b"\n")


def _component(package: Distribution, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    name = canonicalize_name(package.name)
    url = PackageURL("pypi", None, name, package.version)
    return Component(
        name=name, version=package.version, type=kind, purl=url, bom_ref=url.to_string()
    )


def _names(package: Distribution) -> list[NormalizedName]:
    wanted = map(Requirement, package.requires or ())
    return sorted(
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or one.marker.evaluate({"extra": ""})
    )


def _required(package: Distribution, seen: set[NormalizedName]) -> Iterator[Distribution]:
    for name in _names(package):
        if name not in seen:
            seen.add(name)
            needed = distribution(name)
            yield needed
            yield from _required(needed, seen)


if __name__ == "__main__":
    {"sdist": sdist, "sbom": sbom}[sys.argv[1]](Path(sys.argv[2]))
