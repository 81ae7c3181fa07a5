"""Encodes and strictly decodes ``edgeboot-bundle.json``, the table of contents.

The document has one canonical form, and its ``sha256`` covers the rest, so a changed byte is
detected even without a signature. Optional keys are omitted, never null.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from edgeboot import json_document, k3s_version
from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import FORMAT, Contents, Image, ImageArchive, Item, Role
from edgeboot.bundle.tar.writer import MAX_SIZE
from edgeboot.errors import Refused
from edgeboot.platform import ARCHES

FILE_NAME = "edgeboot-bundle.json"
MAX_BYTES = 16 << 20
_TOTAL_MAX = 1 << 40
VALUES_MAX = 256 << 10  # characters; a HelmChart object must fit into etcd's 1.5 MiB

_BUNDLE_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_ITEM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_ARCHIVE_NAME = re.compile(r"[a-z0-9-]{1,200}")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
RELEASE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}")  # the version of a bundle
DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_K3S_VERSION = re.compile(k3s_version.PATTERN)


def is_bundle_name(name: str) -> bool:
    """Report whether a bundle name is valid: lower-case letters, digits, dots and dashes."""
    return _BUNDLE_NAME.fullmatch(name) is not None


def is_item_name(name: str) -> bool:
    """Report whether an item name is valid; it becomes a file name on nodes."""
    return _ITEM_NAME.fullmatch(name) is not None


def is_namespace(name: str) -> bool:
    """Report whether a Kubernetes namespace name is valid: a DNS label."""
    return _NAMESPACE.fullmatch(name) is not None


def encode(contents: Contents) -> bytes:
    """Encode a table of contents as its canonical document."""
    document: dict[str, object] = {
        "format": FORMAT,
        "name": contents.name,
        "k3s_version": contents.k3s_version,
        "arches": list(contents.arches),
        "items": [_item(item) for item in contents.items],
        "images": [_image(image) for image in contents.images],
        "archives": [_archive(archive) for archive in contents.archives],
    }
    for key in ("lock", "version", "expires"):
        if (value := getattr(contents, key)) is not None:
            document[key] = value
    document["sha256"] = hashlib.sha256(json_document.canonical(document)).hexdigest()
    return _pretty(document)


def decode(data: bytes) -> Contents:
    """Decode a table of contents; raises Refused with the place of the first mistake."""
    root = json_document.parse(data, FILE_NAME)
    made = root.member("format")
    if made.value != FORMAT or type(made.value) is not int:
        raise Refused(
            f"{FILE_NAME} has format {made.value!r}; this edgeboot reads format {FORMAT}",
            hint="use the edgeboot that built the bundle, or a newer one",
        )
    keys = ("format", "name", "k3s_version", "arches", "items", "images", "archives", "sha256")
    root.only((*keys, "lock", "version", "expires"))
    lock, version, expires = root.get("lock"), root.get("version"), root.get("expires")
    contents = Contents(
        _match(root.member("name"), _BUNDLE_NAME),
        _match(root.member("k3s_version"), _K3S_VERSION),
        tuple(_arch(node) for node in root.member("arches").items()),
        tuple(_read_item(node) for node in root.member("items").items()),
        tuple(_read_image(node) for node in root.member("images").items()),
        tuple(_read_archive(node) for node in root.member("archives").items()),
        lock.hexdigest() if lock else None,
        _match(version, RELEASE) if version else None,
        _match(expires, DAY) if expires else None,
    )
    check(contents)
    if encode(contents) != data:
        raise root.bad("is damaged: it does not match its sha256")
    return contents


def all_blobs(contents: Contents) -> tuple[Blob, ...]:
    """Return every blob of a bundle once, sorted by digest.

    Raises Refused if a blob is listed with two sizes, or if their total exceeds 1 TiB.
    """
    found: dict[str, Blob] = {}
    carried = [item.blob for item in contents.items]
    carried += [blob for image in contents.images for blob in image.blobs]
    for blob in carried:
        if found.setdefault(blob.sha256, blob) != blob:
            raise Refused(f"{FILE_NAME} lists the blob {blob.sha256} with two sizes")
    if sum(blob.size for blob in found.values()) > _TOTAL_MAX:
        raise Refused(f"{FILE_NAME} lists more than {_TOTAL_MAX} bytes")
    return tuple(found[sha256] for sha256 in sorted(found))


def check(contents: Contents) -> None:
    """Raise Refused if a table of contents is inconsistent."""
    all_blobs(contents)
    _once((i.role.value, i.name.casefold(), i.arch) for i in contents.items)
    _once((image.name, image.arch) for image in contents.images)
    _once((archive.name, archive.arch) for archive in contents.archives)
    arches = {item.arch for item in contents.items if item.arch is not None}
    arches |= {image.arch for image in contents.images}
    for arch in sorted(arches):
        if arch not in contents.arches:
            raise Refused(f"{FILE_NAME} has parts for {arch}, which 'arches' does not list")
    for image in contents.images:
        if not {image.digest, image.manifest} <= {blob.sha256 for blob in image.blobs}:
            raise Refused(f"{FILE_NAME}: the blobs of {image.name} do not include its manifest")
    archived = sorted((n, archive.arch) for archive in contents.archives for n in archive.images)
    if archived != sorted((image.name, image.arch) for image in contents.images):
        raise Refused(f"{FILE_NAME}: its archives must contain each image exactly once")


def _once(keys: Iterable[object]) -> None:
    seen: set[object] = set()
    for key in keys:
        if key in seen:
            raise Refused(f"{FILE_NAME} lists {key} twice")
        seen.add(key)


def _pretty(document: dict[str, object]) -> bytes:
    """Put each value on its own line, for ``tar -xO`` and ``diff``."""
    return json.dumps(document, sort_keys=True, indent=1).encode("ascii") + b"\n"


def _item(item: Item) -> dict[str, object]:
    document: dict[str, object] = {"role": item.role.value, "name": item.name, **_blob(item.blob)}
    if item.arch is not None:
        document["arch"] = item.arch
    if item.version is not None:
        document["version"] = item.version
    if item.namespace is not None:
        document["namespace"] = item.namespace
    if item.values is not None:
        document["values"] = item.values
    return document


def _image(image: Image) -> dict[str, object]:
    return {
        "name": image.name,
        "arch": image.arch,
        "digest": image.digest,
        "manifest": image.manifest,
        "media_type": image.media_type,
        "blobs": [_blob(blob) for blob in image.blobs],
    }


def _archive(archive: ImageArchive) -> dict[str, object]:
    return {
        "name": archive.name,
        "arch": archive.arch,
        "images": list(archive.images),
        **_blob(archive.blob),
    }


def _blob(blob: Blob) -> dict[str, object]:
    return {"sha256": blob.sha256, "size": blob.size}


def _read_item(node: json_document.Node) -> Item:
    node.only(("role", "name", "sha256", "size", "arch", "version", "namespace", "values"))
    role, arch, version = node.member("role"), node.get("arch"), node.get("version")
    namespace, values = node.get("namespace"), node.get("values")
    if role.text() not in list(Role):
        raise role.bad(f"is {role.text()[:40]!r}, which this edgeboot does not support")
    return Item(
        Role(role.text()),
        _match(node.member("name"), _ITEM_NAME),
        _read_blob(node),
        _arch(arch) if arch else None,
        _match(version, _VERSION) if version else None,
        _match(namespace, _NAMESPACE) if namespace else None,
        values.text(VALUES_MAX) if values else None,
    )


def _read_image(node: json_document.Node) -> Image:
    node.only(("name", "arch", "digest", "manifest", "media_type", "blobs"))
    blobs = node.member("blobs").items(1000)
    return Image(
        node.member("name").text(),
        _arch(node.member("arch")),
        node.member("digest").hexdigest(),
        node.member("manifest").hexdigest(),
        node.member("media_type").text(),
        tuple(_read_blob(blob.only(("sha256", "size"))) for blob in blobs),
    )


def _read_archive(node: json_document.Node) -> ImageArchive:
    node.only(("name", "arch", "images", "sha256", "size"))
    return ImageArchive(
        _match(node.member("name"), _ARCHIVE_NAME),
        _arch(node.member("arch")),
        _read_blob(node),
        tuple(name.text() for name in node.member("images").items()),
    )


def _read_blob(node: json_document.Node) -> Blob:
    return Blob(node.member("sha256").hexdigest(), node.member("size").size(MAX_SIZE))


def _arch(node: json_document.Node) -> str:
    if node.text() not in ARCHES:
        raise node.bad(f"is {node.text()[:40]!r}, not one of {', '.join(ARCHES)}")
    return node.text()


def _match(node: json_document.Node, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(node.text()):
        raise node.bad(f"is {node.text()[:80]!r}, which is invalid")
    return node.text()
