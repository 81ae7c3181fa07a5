"""A client for OCI registries: resolve, manifest, blob, tags. ``registry_push`` uploads.

Every byte is checked against its digest before it is used; what an endpoint announces is believed
only as an upper limit. Source: OCI distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from edgeboot.blob import Blob
from edgeboot.bundle.http.retry import TryAgain
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.exchange import Response
from edgeboot.bundle.registry.hosts import Endpoint
from edgeboot.bundle.registry.session import Different, Session
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.store.partial import Partial, growing
from edgeboot.errors import Refused

ACCEPT = ", ".join((*documents.INDEXES, *documents.MANIFESTS))
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
_TAGS_MAX = 4 << 20
_PAGES = 100
_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/(?:\*|([0-9]{1,15}))")
_PROGRESS = 1 << 20  # bytes that make an attempt count as progress

Arrived = Callable[[int], None]  # told how many bytes of a blob came; negative: thrown away


def ignore(_count: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Document:
    """An index or a manifest, byte for byte as the registry has it."""

    media_type: str
    blob: Blob
    data: bytes = field(repr=False)


class Registry(Session):
    """Registries; safe to use from several threads.

    Methods raise Missing where there is no such thing, Refused where a registry refuses, where its
    answer breaks a rule or bytes are not those of their digest, StepFailed where the network or a
    registry keeps failing.
    """

    def resolve(self, reference: Reference) -> str:
        """The digest (hexadecimal) that a reference points at; for a tag, by asking."""
        if reference.digest is not None:
            return reference.digest

        def head(endpoint: Endpoint) -> str | None:
            path = f"{reference.repository}/manifests/{reference.tag}"
            with self.exchange(endpoint, "HEAD", path, accept=ACCEPT) as answer:
                if answer.status != 200:
                    return None  # not every registry answers HEAD
                digest = answer.headers.get("Docker-Content-Digest", "")
                match = re.fullmatch(r"sha256:([0-9a-f]{64})", digest)
                return match[1] if match else None

        found = self.anywhere(reference, head)
        return found or self._get(reference, reference.tag or "", None).blob.sha256

    def manifest(self, reference: Reference) -> Document:
        """The index or manifest of a reference, checked against its digest."""
        digest = self.resolve(reference)
        return self._get(reference, f"sha256:{digest}", digest)

    def blob(
        self, reference: Reference, wanted: Blob, store: Store, arrived: Arrived = ignore
    ) -> Blob:
        """Bring a blob into ``store``, going on where an earlier attempt or run stopped."""
        with growing(store, wanted.sha256, wanted.size, wanted.size) as partial:
            if partial is None:
                return wanted
            if partial.size:
                arrived(partial.size)
            self._fill(reference, wanted, partial, arrived)
            partial.keep()
        return wanted

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """All tags of a repository."""

        def pages(endpoint: Endpoint) -> tuple[str, ...]:
            found: list[str] = []
            path = f"{reference.repository}/tags/list"
            for _ in range(_PAGES):
                with self.exchange(endpoint, "GET", path) as answer:
                    self.check(endpoint, answer)
                    found += _tags(answer)
                    following = re.match(r'<([^>]+)>;\s*rel="?next', answer.headers.get("Link", ""))
                if following is None:
                    break
                parts = urlsplit(urljoin(endpoint.url(path), following[1]))
                path = f"{reference.repository}/tags/list?{parts.query}"
            return tuple(found)

        return self.anywhere(reference, pages)

    def _get(self, reference: Reference, label: str, digest: str | None) -> Document:
        def get(endpoint: Endpoint) -> Document:
            path = f"{reference.repository}/manifests/{label}"
            with self.exchange(endpoint, "GET", path, accept=ACCEPT) as answer:
                self.check(endpoint, answer)
                data = answer.read(documents.DOCUMENT_MAX)
                media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            _check_length(answer, len(data))
            found = hashlib.sha256(data).hexdigest()
            if digest is not None and found != digest:
                raise Different(f"its digest is sha256:{found}")
            return Document(_media_type(data, media_type, str(reference)), _blob(found, data), data)

        return self.twice(f"the manifest sha256:{digest} of {reference}", reference, get)

    def _fill(self, reference: Reference, wanted: Blob, partial: Partial, arrived: Arrived) -> None:
        def fill(endpoint: Endpoint) -> None:
            if partial.size < wanted.size:
                self._more(endpoint, reference, wanted, partial, arrived)
            if partial.size != wanted.size or not partial.is_whole():
                discard(partial, arrived)
                raise Different("its bytes are not those of its digest")

        self.twice(f"the blob sha256:{wanted.sha256} of {reference}", reference, fill)

    def _more(
        self,
        endpoint: Endpoint,
        reference: Reference,
        wanted: Blob,
        partial: Partial,
        arrived: Arrived,
    ) -> None:
        """One request for what is missing; TryAgain where it breaks off."""
        headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
        path = f"{reference.repository}/blobs/sha256:{wanted.sha256}"
        before = partial.size
        with self.exchange(endpoint, "GET", path, headers=headers) as answer:
            if answer.status == 416:
                discard(partial, arrived)
                raise TryAgain("it does not know the rest of what is here")
            self.check(endpoint, answer, 200, 206)
            if answer.status == 206 and not _continues(answer, before, wanted.size):
                discard(partial, arrived)
                raise TryAgain("it answered with another part than was asked for")
            if answer.status == 200 and before:
                discard(partial, arrived)
            start = partial.size
            try:
                for chunk in answer.chunks():
                    if partial.size + len(chunk) > wanted.size:
                        discard(partial, arrived)
                        raise Different(f"it is longer than its {wanted.size} bytes")
                    partial.write(chunk)
                    arrived(len(chunk))
                if partial.size < wanted.size:
                    raise TryAgain(f"it ended after {partial.size} of {wanted.size} bytes")
            except TryAgain as error:
                error.progress = partial.size - max(start, before) >= _PROGRESS
                raise


def discard(partial: Partial, arrived: Arrived) -> None:
    """Throw away what is here of a blob."""
    arrived(-partial.size)
    partial.reset()


def _blob(sha256: str, data: bytes) -> Blob:
    return Blob(sha256, len(data))


def _continues(answer: Response, offset: int, size: int) -> bool:
    match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == offset and match[2] in (None, str(size))


def _check_length(answer: Response, size: int) -> None:
    announced = answer.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced) != size:
        raise TryAgain(f"it ended after {size} of {announced} bytes")


def _media_type(data: bytes, announced: str, where: str) -> str:
    """What a manifest says it is; Refused for schema 1 and for what is no manifest."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(f"the manifest of {where} is not JSON")
    media_type = document.get("mediaType", announced)
    if document.get("schemaVersion") == 1 or str(media_type).startswith(_SCHEMA_1):
        raise Refused(
            f"{where} has a manifest of schema 1, which cannot be verified",
            hint="push it again with a current tool, for instance `skopeo copy --format oci`",
        )
    if media_type not in (*documents.INDEXES, *documents.MANIFESTS):
        raise Refused(f"{where} is of unknown type {str(media_type)[:80]!r}")
    return str(media_type)


def _tags(answer: Response) -> list[str]:
    try:
        tags = json.loads(answer.read(_TAGS_MAX)).get("tags") or []
    except (ValueError, AttributeError, RecursionError):
        raise Refused(f"{answer.url} is no list of tags") from None
    return [tag for tag in tags if isinstance(tag, str)]
