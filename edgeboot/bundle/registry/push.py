"""Uploads blobs and manifests to OCI registries.

Source: OCI distribution specification 1.1, "Pushing blobs monolithically".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from edgeboot.blob import Source
from edgeboot.bundle.http.urls import redirected
from edgeboot.bundle.oci.reference import Reference
from edgeboot.bundle.registry.hosts import Endpoint
from edgeboot.bundle.registry.session import Session
from edgeboot.errors import Refused

_ACTIONS = "pull,push"
_BINARY = {"Content-Type": "application/octet-stream"}


class _Sending:
    """Adapts a source to a request body of known length."""

    def __init__(self, source: Source) -> None:
        self._size = source.size
        self._chunks: Iterator[bytes] = source.open()
        self._left = b""

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            self._left = next(self._chunks, b"")
        end = len(self._left) if size < 0 else size
        data, self._left = self._left[:end], self._left[end:]
        return data


def upload_blob(session: Session, reference: Reference, source: Source) -> bool:
    """Upload a blob unless the repository has it; reports whether it was sent.

    Errors are those of ``Session``.
    """
    endpoint = session.hosts.origin(reference.registry)
    digest = f"sha256:{source.sha256}"

    def once() -> bool:
        path = f"blobs/{digest}"
        with session.exchange(
            endpoint, reference.repository, "HEAD", path, actions=_ACTIONS
        ) as answer:
            if answer.status == 200:
                return False
        place = _start(session, endpoint, reference)
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        with session.exchange(
            endpoint,
            reference.repository,
            "PUT",
            url,
            headers=_BINARY,
            body=lambda: _Sending(source) if source.size else b"",
            actions=_ACTIONS,
        ) as answer:
            session.check(endpoint, answer, 201, 204)
        return True

    return session.retrying(f"{digest} of {reference}", once)


def put_manifest(session: Session, reference: Reference, data: bytes, media_type: str) -> str:
    """Upload a manifest under the reference's tag, or its own digest; returns the digest.

    Raises Refused if the registry reports another digest.
    """
    endpoint = session.hosts.origin(reference.registry)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"

    def once() -> str:
        path = f"manifests/{reference.tag or digest}"
        headers = {"Content-Type": media_type}
        with session.exchange(
            endpoint,
            reference.repository,
            "PUT",
            path,
            headers=headers,
            body=lambda: data,
            actions=_ACTIONS,
        ) as answer:
            session.check(endpoint, answer, 201)
            if answer.headers.get("Docker-Content-Digest", digest) != digest:
                raise Refused(f"{endpoint.host} stored a different manifest")
        return digest

    return session.retrying(f"the manifest of {reference}", once)


def _start(session: Session, endpoint: Endpoint, reference: Reference) -> str:
    path, repository = "blobs/uploads/", reference.repository
    with session.exchange(
        endpoint, repository, "POST", path, body=lambda: b"", actions=_ACTIONS
    ) as answer:
        session.check(endpoint, answer, 202)
        start = endpoint.url(f"{repository}/{path}")
        location = answer.headers.get("Location", "")
        if not location:
            raise Refused(
                f"{endpoint.host} accepted an upload but returned no Location for it",
                hint=f"check that {endpoint.host} is a registry, and that no proxy answers for it",
            )
        return redirected(start, location)
