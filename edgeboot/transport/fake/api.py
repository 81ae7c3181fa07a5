"""The API of a fake cluster, as far as edgeboot asks it: requests in, status and body out."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from edgeboot.transport.fake.cluster import FakeCluster

_EPOCH = "2026-01-01T00:00:00Z"
_MANIFESTS = "/var/lib/rancher/k3s/server/manifests"


class FakeApi:
    """One server's API. ``files`` are that server's files by path."""

    def __init__(
        self, node: str, cluster: FakeCluster, files: Callable[[], Mapping[str, bytes]]
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._files = files

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """The status and body for a request."""
        path = urlsplit(target).path
        if path in {"/readyz", "/ping"}:
            return 200, b"ok"
        status, document = self._resource(method, *_taken_apart(path), body)
        return status, json.dumps(document).encode()

    def _resource(
        self, method: str, kind: str, namespace: str, name: str, body: bytes
    ) -> tuple[int, object]:
        match method, kind, name:
            case "GET", "nodes", "":
                listed = self._cluster.items()
                self._cluster.promote(self._node)
                return 200, {"items": listed}
            case "GET", "nodes", _:
                found = [n for n in self._cluster.items() if n["metadata"]["name"] == name]
                return (200, found[0]) if found else _missing(kind, name)
            case "PATCH", "nodes", _:
                self._cluster.change(name, json.loads(body))
                return 200, {}
            case "DELETE", "nodes", _:
                gone = self._cluster.joined.pop(name, None)
                return (200, {}) if gone else _missing(kind, name)
            case "PATCH", "deployments", _:
                replicas = str(json.loads(body)["spec"]["replicas"])
                self._cluster.asked.append(("scale", namespace, name, replicas))
                return 200, {}
            case "GET", "addons", _:
                return self._addon(name)
            case "DELETE", "addons", _:
                self._cluster.asked.append(("withdraw", name))
                return 200, {}
            case "GET", "jobs", _ if name.startswith("helm-install-"):
                made = {"creationTimestamp": _EPOCH}
                return 200, {"metadata": made, "status": {"succeeded": 1}}
            case "GET", _, "":
                return 200, {"items": []}
            case _:
                return _missing(kind, name)

    def _addon(self, name: str) -> tuple[int, object]:
        """K3s has read every manifest there is at once."""
        for path, data in self._files().items():
            file = posixpath.basename(path)
            if posixpath.dirname(path) == _MANIFESTS and file.partition(".")[0] == name:
                return 200, {"spec": {"checksum": hashlib.sha256(data).hexdigest()}}
        return _missing("addons", name)


def _missing(kind: str, name: str) -> tuple[int, dict[str, Any]]:
    return 404, {"kind": "Status", "message": f'{kind} "{name}" not found', "reason": "NotFound"}


def _taken_apart(path: str) -> tuple[str, str, str]:
    """Plural, namespace and name in a path."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    parts = parts[3:] if parts[0] == "apis" else parts[2:]
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    parts += ["", ""]
    return parts[0], namespace, parts[1]
