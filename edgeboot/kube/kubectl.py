"""The API through ``k3s kubectl`` on the host, if its SSH server forwards nothing.

Each call starts a program of 222 MB there, so a snapshot is one call for all kinds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from edgeboot.json_document import Node
from edgeboot.kube.api import ApiError, Document, Kind, Snapshot, items_of, parsed, understanding
from edgeboot.transport.base import Snippet, Transport

_DEADLINE = 60.0
_MAX_WORDS = 400
# "Error from server (NotFound): nodes "x" not found"
_REASON = re.compile(r"Error from server \(([A-Za-z]+)\): ")
_CODES = {
    "NotFound": 404,
    "Conflict": 409,
    "AlreadyExists": 409,
    "Forbidden": 403,
    "Unauthorized": 401,
    "Invalid": 422,
    "BadRequest": 400,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}
_UNKNOWN_TYPE = re.compile(r"doesn't have a resource type \"([a-z0-9.-]+)\"")


class KubectlApi:
    """The API of a transport's host."""

    costly = True

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def where(self) -> str:
        """The host that is asked."""
        return self._transport.node

    def get(self, path: str) -> bytes:
        """What a path answers; see ``KubeApi.get``."""
        return self._run("get", path)

    def snapshot(self, kinds: Sequence[Kind]) -> Snapshot:
        """Listings in one call; the API counts as ready if it returns them."""
        wanted = list(kinds)
        complaints: list[str] = []
        while wanted:
            try:
                said = self._run("list", ",".join(kind.typed for kind in wanted))
                items = items_of(parsed(said, self.where, "the listing"), self.where)
                return Snapshot(True, self._sorted(items, wanted), tuple(complaints))
            except ApiError as error:
                complaints.append(error.what)
                # One type the API does not know (yet) makes kubectl list none of them.
                unknown = _UNKNOWN_TYPE.search(error.what)
                left = [k for k in wanted if not (unknown and unknown[1].startswith(k.plural))]
                if len(left) == len(wanted):
                    return Snapshot(ready=False, complaints=tuple(complaints))
                wanted = left
        return Snapshot(ready=False, complaints=tuple(complaints))

    def apply(self, objects: Sequence[tuple[Kind, Document]]) -> None:
        """Server-side apply; see ``KubeApi.apply``."""
        items = [document for _, document in objects]
        self._run("apply", stdin={"apiVersion": "v1", "kind": "List", "items": items})

    def patch(self, kind: Kind, name: str, change: Document, *, namespace: str = "") -> None:
        """Merges a change into an object; see ``KubeApi.patch``."""
        self._run("patch", kind.typed, name, namespace or "-", stdin=change)

    def delete(self, kind: Kind, name: str, *, namespace: str = "") -> bool:
        """Deletes an object; see ``KubeApi.delete``."""
        try:
            self._run("delete", kind.typed, name, namespace or "-")
        except ApiError as error:
            if error.missing:
                return False
            raise
        return True

    def close(self) -> None:
        """Nothing is open."""

    def _run(self, *words: str, stdin: Document | None = None) -> bytes:
        data = None if stdin is None else json.dumps(stdin).encode()
        done = self._transport.run(Snippet("kubectl", words), stdin=data, deadline=_DEADLINE)
        if done.ok:
            return done.stdout.encode()
        said = " ".join((done.stderr or done.stdout).split())[-_MAX_WORDS:] or "no output"
        reason = _REASON.search(done.stderr)
        code = _CODES.get(reason[1], 0) if reason else 0
        raise ApiError(f"kubectl on the host failed: {said}", where=self.where, code=code)

    def _sorted(self, items: Sequence[Node], kinds: Sequence[Kind]) -> dict[Kind, tuple[Node, ...]]:
        """The items of a mixed listing by kind: an object says what it is, a kind its plural."""
        found: dict[Kind, list[Node]] = {kind: [] for kind in kinds}
        with understanding(self.where):
            for item in items:
                version, name = item.member("apiVersion").text(), item.member("kind").text()
                for kind in kinds:
                    if version == kind.api_version and kind.plural == _plural(name):
                        found[kind].append(item)
        return {kind: tuple(some) for kind, some in found.items()}


def _plural(kind: str) -> str:
    """``StorageClass`` to ``storageclasses``, as Kubernetes itself forms them."""
    name = kind.lower()
    if name.endswith(("s", "x")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
