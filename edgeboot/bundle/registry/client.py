"""A client for OCI registries: resolves, manifests, blobs and tags. ``push`` uploads.

All data is verified against its digest before use; declared sizes are only upper limits. Source:
OCI distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from edgeboot.blob import Blob
from edgeboot.bundle.http import resume
from edgeboot.bundle.http.client import Response
from edgeboot.bundle.http.resume import Arrived, TooLong
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.hosts import Endpoint
from edgeboot.bundle.registry.session import Different, Session
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.store.partial import Partial, growing
from edgeboot.errors import Refused

ACCEPT = ", ".join((*documents.INDEXES, *documents.MANIFESTS))
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
_TAGS_MAX = 4 << 20
_PAGES = 100
_NOT_A_REGISTRY = "check the name, and that no proxy or login page answers for the registry"


@dataclass(frozen=True)
class Document:
    """An unmodified index or manifest."""

    media_type: str
    blob: Blob
    data: bytes = field(repr=False)


class Registry(Session):
    """A client for all registries; safe to use from several threads.

    Methods raise Missing if the object does not exist, Refused if access is denied, a response is
    invalid or a digest does not match, StepFailed if the network or a registry keeps failing.
    """

    def resolve(self, reference: Reference) -> str:
        """Return the digest (hexadecimal) of a reference; looks up tags in the registry."""
        if reference.digest is not None:
            return reference.digest

        def head(endpoint: Endpoint) -> str | None:
            path = f"manifests/{reference.tag}"
            with self.exchange(
                endpoint, reference.repository, "HEAD", path, accept=ACCEPT
            ) as answer:
                if answer.status != 200:
                    return None  # not every registry supports HEAD
                digest = answer.headers.get("Docker-Content-Digest", "")
                match = re.fullmatch(r"sha256:([0-9a-f]{64})", digest)
                return match[1] if match else None

        found = self.anywhere(reference, head)
        return found or self._get(reference, reference.tag or "", None).blob.sha256

    def manifest(self, reference: Reference) -> Document:
        """Return the index or manifest of a reference, verified."""
        digest = self.resolve(reference)
        return self._get(reference, f"sha256:{digest}", digest)

    def blob(
        self, reference: Reference, wanted: Blob, store: Store, arrived: Arrived = resume.ignore
    ) -> Blob:
        """Download a blob into ``store``, resuming an earlier attempt or run."""
        with growing(store, wanted.sha256, wanted.size, wanted.size) as partial:
            if partial is None:
                return wanted
            if partial.size:
                arrived(partial.size)
            self._fill(reference, wanted, partial, arrived)
            partial.keep()
        return wanted

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """Return all tags of a repository."""

        def pages(endpoint: Endpoint) -> tuple[str, ...]:
            found: list[str] = []
            path = "tags/list"
            for _ in range(_PAGES):
                with self.exchange(endpoint, reference.repository, "GET", path) as answer:
                    self.check(endpoint, answer)
                    found += _tags(answer)
                    following = re.match(r'<([^>]+)>;\s*rel="?next', answer.headers.get("Link", ""))
                if following is None:
                    break
                path = f"tags/list?{_query(following[1], answer)}"
            return tuple(found)

        return self.anywhere(reference, pages)

    def _get(self, reference: Reference, label: str, digest: str | None) -> Document:
        def get(endpoint: Endpoint) -> Document:
            path = f"manifests/{label}"
            with self.exchange(
                endpoint, reference.repository, "GET", path, accept=ACCEPT
            ) as answer:
                self.check(endpoint, answer)
                data = answer.read(documents.DOCUMENT_MAX)
                media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
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
                resume.discard(partial, arrived)
                raise Different("its digest does not match")

        self.twice(f"the blob sha256:{wanted.sha256} of {reference}", reference, fill)

    def _more(
        self,
        endpoint: Endpoint,
        reference: Reference,
        wanted: Blob,
        partial: Partial,
        arrived: Arrived,
    ) -> None:
        """Send one request for the missing bytes; raises TryAgain if it is cut off."""
        headers, path = resume.rest_of(partial), f"blobs/sha256:{wanted.sha256}"
        with self.exchange(endpoint, reference.repository, "GET", path, headers=headers) as answer:
            self.check(endpoint, answer, 200, *((206, 416) if headers else ()))
            try:
                resume.append(answer, partial, wanted.size, arrived, exact=True)
            except TooLong:
                raise Different(f"it is longer than its {wanted.size} bytes") from None


def _blob(sha256: str, data: bytes) -> Blob:
    return Blob(sha256, len(data))


def _media_type(data: bytes, announced: str, where: str) -> str:
    """Return the media type of a manifest; raises Refused for schema 1 and other documents."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(f"the manifest of {where} is not JSON", hint=_NOT_A_REGISTRY)
    media_type = document.get("mediaType") or _guessed(document, announced)
    if document.get("schemaVersion") == 1 or str(media_type).startswith(_SCHEMA_1):
        raise Refused(
            f"{where} has a manifest of schema 1, which cannot be verified",
            hint="convert it, for example with `skopeo copy --format oci`",
        )
    if media_type not in (*documents.INDEXES, *documents.MANIFESTS):
        raise Refused(f"{where} has the unsupported media type {str(media_type)[:80]!r}")
    return str(media_type)


def _guessed(document: dict[str, object], announced: str) -> str:
    """Return the announced media type, or OCI's where a server does not know the type."""
    if announced in (*documents.INDEXES, *documents.MANIFESTS) or announced.startswith(_SCHEMA_1):
        return announced
    if document.get("schemaVersion") == 2 and isinstance(document.get("manifests"), list):
        return documents.INDEX
    if document.get("schemaVersion") == 2 and isinstance(document.get("layers"), list):
        return documents.MANIFEST
    return announced


def _query(link: str, answer: Response) -> str:
    try:
        return urlsplit(link).query
    except ValueError:
        what = f"{answer.url} has an invalid link to its next page"
        raise Refused(what, hint=_NOT_A_REGISTRY) from None


def _tags(answer: Response) -> list[str]:
    try:
        tags = json.loads(answer.read(_TAGS_MAX)).get("tags") or []
    except (ValueError, AttributeError, RecursionError):
        raise Refused(f"{answer.url} is not a list of tags", hint=_NOT_A_REGISTRY) from None
    if not isinstance(tags, list):
        raise Refused(f"{answer.url} is not a list of tags", hint=_NOT_A_REGISTRY)
    return [tag for tag in tags if isinstance(tag, str)]
