"""The bill of materials of a bundle, in CycloneDX 1.5 JSON.

It is reproducible: no serial number, no time. Licences come from the parts themselves: the label
``org.opencontainers.image.licenses`` of an image, the annotation ``artifacthub.io/license`` of a
chart. K3s is Apache-2.0.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

from edgeboot import json_document
from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents, Image, Item, Role
from edgeboot.bundle.format.image_archive import Fetch
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import tag
from edgeboot.errors import EdgebootError

FILE_NAME = "sbom.cdx.json"
_LICENSE_LABEL = "org.opencontainers.image.licenses"
_CHART_LICENSE = re.compile(
    rb"^[ \t]+artifacthub\.io/license:[ \t]*[\"']?([^\"'\r\n]{1,100})", re.M
)
_CHART_MAX = 1 << 20
_TYPES = {
    Role.K3S_BINARY: ComponentType.APPLICATION,
    Role.CHART: ComponentType.APPLICATION,
}


def document(contents: Contents, fetch: Fetch) -> bytes:
    """Return the bill of materials as JSON; reads charts, image manifests and image configs."""
    bom = Bom(
        components=(
            *(_item(item, fetch) for item in contents.items if item.role is not Role.SBOM),
            *(_image(image, fetch) for image in contents.images),
        )
    )
    bom.metadata.component = Component(
        name=contents.name,
        version=contents.version,
        type=ComponentType.PLATFORM,
        bom_ref=f"bundle:{contents.name}",
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    made = json_document.parse(JsonV1Dot5(bom).output_as_string().encode(), FILE_NAME).value
    assert isinstance(made, dict)  # noqa: S101  # CycloneDX documents are objects
    made.pop("serialNumber", None)
    made["metadata"].pop("timestamp", None)
    made["metadata"].pop("tools", None)
    return json_document.canonical(made) + b"\n"


def _item(item: Item, fetch: Fetch) -> Component:
    stated: Iterable[str] = ()
    url = None
    if item.role is Role.K3S_BINARY:
        stated = ("Apache-2.0",)
        url = PackageURL("github", "k3s-io", "k3s", item.version, {"arch": item.arch or ""})
    elif item.role is Role.CHART:
        stated = _chart_licenses(item.blob, fetch)
        url = PackageURL("helm", None, item.name, item.version)
    return Component(
        name=item.name,
        version=item.version,
        type=_TYPES.get(item.role, ComponentType.FILE),
        bom_ref=f"{item.role.value}:{item.name}:{item.arch or 'any'}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=item.blob.sha256)],
        purl=url,
        licenses=_licenses(stated),
        properties=_properties(item.role.value, item.arch),
    )


def _image(image: Image, fetch: Fetch) -> Component:
    repository = image.name.partition("@")[0]
    label = tag(image.name)
    if label is not None:
        repository = repository.removesuffix(f":{label}")
    url = PackageURL(
        "oci",
        None,
        repository.rpartition("/")[2],
        f"sha256:{image.digest}",
        {"repository_url": repository, "arch": image.arch, **({"tag": label} if label else {})},
    )
    return Component(
        name=repository,
        version=label or f"sha256:{image.digest}",
        type=ComponentType.CONTAINER,
        bom_ref=f"image:{image.name}:{image.arch}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.manifest)],
        purl=url,
        licenses=_licenses(_image_licenses(image, fetch)),
        properties=_properties("image", image.arch),
    )


def _properties(role: str, arch: str | None) -> Iterator[Property]:
    yield Property(name="edgeboot:role", value=role)
    if arch is not None:
        yield Property(name="edgeboot:arch", value=arch)


def _licenses(stated: Iterable[str]) -> list[License]:
    factory = LicenseFactory()
    return [factory.make_from_string(text) for text in stated]


def _image_licenses(image: Image, fetch: Fetch) -> tuple[str, ...]:
    """Return the licence label of an image's config; empty if missing or unreadable."""
    blobs = {blob.sha256: blob for blob in image.blobs}
    try:
        manifest = documents.read_manifest(_small(blobs[image.manifest], fetch), image.name)
        config = json_document.parse(_small(manifest.config.blob, fetch), image.name)
        labels = config.get("config")
        found = labels.get("Labels") if labels else None
        stated = found.get(_LICENSE_LABEL) if found else None
        return (stated.text(),) if stated else ()
    except (EdgebootError, KeyError):
        return ()


def _small(blob: Blob, fetch: Fetch) -> bytes:
    return b"".join(fetch(blob).open()) if blob.size <= documents.DOCUMENT_MAX else b""


def _chart_licenses(blob: Blob, fetch: Fetch) -> tuple[str, ...]:
    """Return the licence annotation of a packed chart.

    Only the first MiB is searched: Helm packs Chart.yaml first.
    """
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    plain = b""
    try:
        for chunk in fetch(blob).open():
            if len(plain) < _CHART_MAX:
                plain += unpacker.decompress(chunk, _CHART_MAX)
    except zlib.error:
        return ()
    found = _CHART_LICENSE.search(plain)
    return (found[1].decode("utf-8", "replace").strip(),) if found else ()
