"""Removes from the cluster what a manifest below ``server/manifests`` brought.

A HelmChart is removed by a job that uninstalls its release; edgeboot waits for it. Objects that
another manifest has taken over stay: K3s records the manifest in each object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.answer import understood
from edgeboot.errors import StepFailed
from edgeboot.kube.api import (
    ADDONS,
    ApiError,
    Kind,
    KubeApi,
    find,
    pause_of,
    pod_log,
    understanding,
    wait,
)
from edgeboot.kube.charts import NAMESPACE, addon_of
from edgeboot.kube.reading import elements, text
from edgeboot.plan.cluster import Withdraw
from edgeboot.transport.base import Argv, Transport
from edgeboot.yaml import foreign

_OWNER = "objectset.rio.cattle.io/owner-name"
_KEPT = frozenset(
    {"Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition"}
)
_DEADLINE = 30.0
_LOG_LINES = 15
_MOST_MANIFEST = 2 << 20  # bytes; the largest of known charts have half as much


@dataclass(frozen=True)
class _Object:
    api_version: str
    kind: str
    namespace: str
    name: str


def withdraw(
    api: KubeApi,
    transport: Transport,
    step: Withdraw,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Deletes the objects, the last first, then the manifest's Addon; waits until each is gone."""
    addon = addon_of(step.manifest)
    kinds: dict[tuple[str, str], Kind | None] = {}
    # What came later may need what came before.
    for item in reversed(_objects(transport, step.manifest)):
        key = item.api_version, item.kind
        if key not in kinds:
            kinds[key] = _kind_of(api, *key)
        kind = kinds[key]
        # With its definition the objects of a kind are gone.
        if kind is None or item.kind in _KEPT or not _is_of(api, kind, item, addon):
            continue
        api.delete(kind, item.name, namespace=item.namespace)
        path = kind.path(item.name, namespace=item.namespace)
        if not wait(
            lambda path=path: find(api, path) is None or None,  # type: ignore[misc]
            step.seconds,
            pause=pause_of(api),
            clock=clock,
            sleep=sleep,
        ):
            raise StepFailed(
                f"{item.kind} {item.name} is still there after {step.seconds} s{_log(api, item)}"
            )
    api.delete(ADDONS, addon, namespace=NAMESPACE)


def _objects(transport: Transport, manifest: str) -> list[_Object]:
    """The objects in the manifest on the host, in order; none if the file is gone."""
    done = transport.run(Argv(("cat", manifest)), deadline=_DEADLINE)
    if not done.ok:
        return []

    def unreadable(why: str) -> StepFailed:
        return StepFailed(
            f"cannot read the manifest {manifest}: {why}",
            where=transport.node,
            hint=f"see what is in {manifest} on the host",
        )

    if len(done.stdout) > _MOST_MANIFEST:
        raise unreadable(f"it is longer than {_MOST_MANIFEST >> 20} MiB")
    with understood(unreadable):
        documents = foreign.parse_all(done.stdout.encode())
        return [item for document in documents for item in _taken_apart(document)]


def _taken_apart(document: Any) -> Iterator[_Object]:
    if document is None or document == "":
        return
    if not isinstance(document, Mapping):
        raise TypeError("a document that is not an object")
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _taken_apart(item)
        return
    metadata = document["metadata"]
    if not isinstance(metadata, Mapping):
        raise TypeError("an object whose metadata is not a mapping")
    yield _Object(
        str(document["apiVersion"]),
        str(document["kind"]),
        str(metadata.get("namespace") or "default"),
        str(metadata["name"]),
    )


def _kind_of(api: KubeApi, api_version: str, kind: str) -> Kind | None:
    """The type of an object as URLs name it; None if the API does not know it, or no longer."""
    group, slash, version = api_version.rpartition("/")
    prefix = f"/apis/{group}/{version}" if slash else f"/api/{version}"
    found = find(api, prefix)
    with understanding(api.where):
        for resource in elements(found, "resources"):
            name = text(resource, "name")
            if text(resource, "kind") == kind and "/" not in name:
                namespaced = resource.member("namespaced").value is True
                return Kind(name, group, version, namespaced)
    return None


def _is_of(api: KubeApi, kind: Kind, item: _Object, addon: str) -> bool:
    """Whether an object exists and still belongs to this manifest."""
    found = find(api, kind.path(item.name, namespace=item.namespace))
    with understanding(api.where):
        return found is not None and text(found, "metadata", "annotations", _OWNER) in {"", addon}


def _log(api: KubeApi, item: _Object) -> str:
    if item.kind != "HelmChart":
        return ""
    try:
        said = pod_log(api, f"helm-delete-{item.name}", item.namespace, _LOG_LINES)
    except ApiError:
        return ""
    return "\n  last lines of its job:\n" + "\n".join(f"    {line}" for line in said.splitlines())
