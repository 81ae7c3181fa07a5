"""The port to a cluster's API, whichever way leads there.

Two ways lead there: HTTPS through the SSH connection (``kube.https``), and ``k3s kubectl`` on the
host where its SSH server forwards nothing (``kube.kubectl``). ``kube.connect`` chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

from edgeboot import json_document
from edgeboot.errors import Refused, StepFailed
from edgeboot.json_document import Node

T = TypeVar("T")
Document = Mapping[str, Any]

FIELD_MANAGER = "edgeboot"
MOST_ITEMS = 10_000  # objects in a listing; K3s is documented up to some hundred nodes
_NOT_FOUND, _CONFLICT = 404, 409


class ApiError(StepFailed):
    """A request to the API failed; ``code`` is the HTTP status, 0 if there was no answer."""

    error_id = "api"

    def __init__(self, what: str, *, where: str, code: int = 0, hint: str | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.code == _NOT_FOUND

    @property
    def conflict(self) -> bool:
        """Whether the object has changed since it was read."""
        return self.code == _CONFLICT


@dataclass(frozen=True)
class Kind:
    """A type of object as URLs name it; ``group`` is empty for the core's."""

    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    def path(
        self,
        name: str = "",
        *,
        namespace: str = "",
        below: str = "",
        query: Mapping[str, str] | None = None,
    ) -> str:
        """The path of one object, or of all (in a namespace); ``below`` is a subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, below) if part]
        path = "/" + "/".join(quote(part, safe="") for part in parts)
        return f"{path}?{urlencode(query)}" if query else path

    @property
    def api_version(self) -> str:
        """As objects have it: ``apps/v1``, or ``v1`` for the core's."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def typed(self) -> str:
        """As kubectl takes it: ``deployments.v1.apps``."""
        return f"{self.plural}.{self.version}.{self.group}"


NODES = Kind("nodes", namespaced=False)
NAMESPACES = Kind("namespaces", namespaced=False)
PODS = Kind("pods")
SECRETS = Kind("secrets")
EVENTS = Kind("events")
SERVICE_ACCOUNTS = Kind("serviceaccounts")
CLAIMS = Kind("persistentvolumeclaims")
VOLUMES = Kind("persistentvolumes", namespaced=False)
DEPLOYMENTS = Kind("deployments", "apps")
DAEMON_SETS = Kind("daemonsets", "apps")
STATEFUL_SETS = Kind("statefulsets", "apps")
JOBS = Kind("jobs", "batch")
STORAGE_CLASSES = Kind("storageclasses", "storage.k8s.io", namespaced=False)
HELM_CHARTS = Kind("helmcharts", "helm.cattle.io")
ADDONS = Kind("addons", "k3s.cattle.io")


@dataclass(frozen=True)
class Snapshot:
    """Whether the API is ready, and all objects of some kinds.

    A kind that could not be listed is missing from ``items``; ``complaints`` say why, or why the
    API is not ready.
    """

    ready: bool
    items: Mapping[Kind, tuple[Node, ...]] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


class KubeApi(Protocol):
    """One server's API, as the cluster's administrator. Used by one thread at a time.

    Methods raise ``ApiError``, and ``Unreachable`` if the host itself is lost.
    """

    @property
    def where(self) -> str:
        """Name of the host."""

    @property
    def costly(self) -> bool:
        """Whether each request starts a large program on the host."""

    def get(self, path: str) -> bytes:
        """The body at a path, such as ``/readyz``, ``/version`` or a pod's log."""

    def snapshot(self, kinds: Sequence[Kind]) -> Snapshot:
        """Whether the API is ready, and all objects of some kinds, at the cost of one request."""

    def apply(self, objects: Sequence[tuple[Kind, Document]]) -> None:
        """Applies objects in order, server-side and with force."""

    def patch(self, kind: Kind, name: str, change: Document, *, namespace: str = "") -> None:
        """Merges a change into an object (RFC 7386)."""

    def delete(self, kind: Kind, name: str, *, namespace: str = "") -> bool:
        """Deletes an object without waiting until it is gone; False if there is none."""

    def close(self) -> None:
        """Ends the connection; never raises."""


def read(api: KubeApi, path: str) -> Node:
    """The JSON document at a path."""
    return parsed(api.get(path), api.where, path)


def find(api: KubeApi, path: str) -> Node | None:
    """The JSON document at a path; None if there is none."""
    try:
        return read(api, path)
    except ApiError as error:
        if error.missing:
            return None
        raise


def list_of(api: KubeApi, path: str) -> tuple[Node, ...]:
    """The objects of a listing."""
    return items_of(read(api, path), api.where)


def pod_log(api: KubeApi, job: str, namespace: str, lines: int) -> str:
    """The last lines of a job's newest pod; empty if it has none."""
    query = {"labelSelector": f"job-name={job}"}
    pods = list_of(api, PODS.path(namespace=namespace, query=query))
    with understanding(api.where):
        made = [(_metadata(pod, "creationTimestamp"), _metadata(pod, "name")) for pod in pods]
    if not made:
        return ""
    tail = {"tailLines": str(lines)}
    path = PODS.path(max(made)[1], namespace=namespace, below="log", query=tail)
    said = api.get(path).decode("utf-8", "replace").strip()
    return "\n".join(said.splitlines()[-lines:])


def _metadata(item: Node, key: str) -> str:
    found = item.member("metadata").get(key)
    return found.text() if found else ""


def parsed(data: bytes, where: str, what: str) -> Node:
    """A JSON document from a host; ``ApiError`` if it is not one."""
    with understanding(where):
        return json_document.parse(data, what)


def items_of(listing: Node, where: str) -> tuple[Node, ...]:
    """The items of a listing; Kubernetes writes null if there are none."""
    with understanding(where):
        items = listing.get("items")
        return items.items(MOST_ITEMS) if items else ()


@contextmanager
def understanding(where: str) -> Iterator[None]:
    """Turns an answer that cannot be read into an ``ApiError`` that names the host."""
    try:
        yield
    except Refused as error:
        raise ApiError(f"cannot read the answer of the API: {error.what}", where=where) from error


def wait(
    ask: Callable[[], T | None],
    seconds: float,
    *,
    pause: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T | None:
    """Asks until there is an answer; None if there is none after ``seconds``."""
    until = clock() + seconds
    while True:
        found = ask()
        if found is not None or clock() >= until:
            return found
        sleep(pause)


def pause_of(api: KubeApi) -> float:
    """Seconds between two requests while waiting for something."""
    return 10.0 if api.costly else 2.0


def names(items: Iterable[Node]) -> tuple[str, ...]:
    """The names of objects."""
    return tuple(_metadata(item, "name") for item in items)
