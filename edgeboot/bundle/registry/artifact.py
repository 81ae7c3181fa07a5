"""Bundles as OCI artifacts: the table of contents and every blob are layers.

Registries store each blob once for all bundles. A pull reuses blobs in the store and resumes
interrupted downloads; the result is the pushed file byte for byte. Source: OCI image specification
1.1, "Guidelines for artifact usage".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgeboot import json_document
from edgeboot.blob import Blob, BytesSource, Source
from edgeboot.bundle.format import archive, encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.push import put_manifest, upload_blob
from edgeboot.bundle.store.blobs import Store, file_chunks
from edgeboot.bundle.tar.writer import MAX_SIZE
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import BytesFetched, BytesSent, Listener, Note, silent
from edgeboot.localio import atomic, disk_space
from edgeboot.localio.progress import Counted, Tally
from edgeboot.localio.workers import workers

TYPE = "application/vnd.edgeboot.bundle.v1"
_CONTENTS = "application/vnd.edgeboot.bundle.contents.v1+json"
_BLOB = "application/vnd.edgeboot.bundle.blob.v1"
_SIGNATURE = "application/vnd.edgeboot.bundle.minisig.v1"
_EMPTY = "application/vnd.oci.empty.v1+json"
_LAYERS_MAX = 20_000
_SIGNATURE_MAX = 64 << 10
_WORKERS = 6


def push(
    path: Path, reference: Reference, registry: Registry, listener: Listener = silent
) -> tuple[str, int]:
    """Push a bundle and its signature, if any; returns the digest and the bytes sent.

    Raises Refused if the bundle is damaged or access is denied, StepFailed if the network keeps
    failing.
    """
    with Bundle.open(path) as bundle:
        blobs = encoding.all_blobs(bundle.contents)
        table = BytesSource(encoding.encode(bundle.contents))
        parts: list[tuple[str, Source]] = [(_CONTENTS, table)]
        signature = signature_beside(path)
        if signature.is_file():
            parts.append((_SIGNATURE, BytesSource(b"".join(file_chunks(signature)))))
        parts += [(_BLOB, bundle.source(blob)) for blob in blobs]
        empty = BytesSource(b"{}")
        listener(Note(f"pushing {len(blobs)} blobs to {reference}"))
        sources = [empty, *(source for _, source in parts)]
        told = partial(BytesSent, reference.registry, path.name)
        tally = Tally(told, listener, sum(source.size for source in sources))
        with workers(_WORKERS, registry.abort) as pool:
            sent = pool.map(partial(_upload, registry, reference, tally), sources)
        manifest = {
            "schemaVersion": 2,
            "mediaType": documents.MANIFEST,
            "artifactType": TYPE,
            "config": documents.descriptor(_EMPTY, Blob(empty.sha256, empty.size)),
            "layers": [documents.descriptor(t, Blob(s.sha256, s.size)) for t, s in parts],
        }
    data = json_document.canonical(manifest)
    if len(data) > documents.DOCUMENT_MAX:
        raise BadInput(f"{path} has too many blobs for an OCI artifact")
    digest = put_manifest(registry, reference, data, documents.MANIFEST)
    sizes = (source.size for source, new in zip(sources, sent, strict=True) if new)
    return digest, sum(sizes)


def pull(
    reference: Reference,
    output: Path,
    registry: Registry,
    store: Store,
    listener: Listener = silent,
) -> str:
    """Pull a bundle to ``output``; returns the artifact's digest.

    Raises Refused if it is not a bundle or is inconsistent, StepFailed if the network keeps
    failing; ``output`` is then unchanged.
    """
    document = registry.manifest(reference)
    where = f"the manifest of {reference}"
    root = json_document.parse(document.data, where)
    kind = root.get("artifactType")
    if kind is None or kind.text() != TYPE:
        raise Refused(f"{reference} is not a bundle", hint="push one with `edgeboot bundle push`")
    layers = list(_layers(root))
    tables = [blob for media_type, blob in layers if media_type == _CONTENTS]
    if len(tables) != 1 or tables[0].size > encoding.MAX_BYTES:
        raise Refused(f"{where} must list exactly one table of contents")
    contents = encoding.decode(_small(registry, reference, tables[0], store))
    blobs = encoding.all_blobs(contents)
    listed = {blob for media_type, blob in layers if media_type == _BLOB}
    if listed != set(blobs):
        raise Refused(f"{where} and the table of contents list different blobs")
    disk_space.check_target(output)
    missing = [blob for blob in blobs if store.find(blob.sha256) != blob]
    listener(Note(f"pulling {len(missing)} of {len(blobs)} blobs"))
    largest = sorted(missing, key=lambda blob: -blob.size)
    total = sum(blob.size for blob in missing)
    tally = Tally(partial(BytesFetched, output.name), listener, total)
    with workers(_WORKERS, registry.abort) as pool:
        pool.map(lambda blob: registry.blob(reference, blob, store, tally.arrived), largest)
    listener(Note(f"writing {output}"))
    archive.write(output, contents, store.source, listener)
    _write_signature(registry, reference, layers, output, store)
    return f"sha256:{document.blob.sha256}"


def signature_beside(path: Path) -> Path:
    """Return the path of a bundle's signature."""
    return path.with_name(f"{path.name}.minisig")


def _upload(registry: Registry, reference: Reference, tally: Tally, source: Source) -> bool:
    """Upload a blob unless the registry has it; reports whether it was sent."""
    counted = Counted(source, tally)
    new = upload_blob(registry, reference, counted)
    if not new:
        tally.arrived(source.size)
    return new


def _layers(root: json_document.Node) -> Iterator[tuple[str, Blob]]:
    for layer in root.member("layers").items(_LAYERS_MAX):
        size = layer.member("size").size(MAX_SIZE)
        yield layer.member("mediaType").text(), Blob(layer.member("digest").digest(), size)


def _small(registry: Registry, reference: Reference, blob: Blob, store: Store) -> bytes:
    if store.find(blob.sha256) != blob:
        registry.blob(reference, blob, store)
    return b"".join(store.source(blob).open())


def _write_signature(
    registry: Registry,
    reference: Reference,
    layers: list[tuple[str, Blob]],
    output: Path,
    store: Store,
) -> None:
    """Write the signature next to the bundle; remove a stale one if there is none."""
    path = signature_beside(output)
    found = [blob for media_type, blob in layers if media_type == _SIGNATURE]
    if found and found[0].size <= _SIGNATURE_MAX:
        atomic.write(path, _small(registry, reference, found[0], store))
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StepFailed(f"cannot remove {path}: {error.strerror}") from error
