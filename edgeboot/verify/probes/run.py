"""Starts probe pods, reads how they ended, and removes them.

All are in one namespace. A guard on the host removes it if the connection breaks; the next run
removes leftovers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edgeboot.answer import is_number
from edgeboot.errors import NotMeasured
from edgeboot.json_document import Node
from edgeboot.kube.api import (
    CLAIMS,
    EVENTS,
    NAMESPACES,
    PODS,
    ApiError,
    KubeApi,
    list_of,
    names,
    pause_of,
    understanding,
    wait,
)
from edgeboot.kube.connect import api_of
from edgeboot.kube.reading import text
from edgeboot.transport.base import Argv, Result, Snippet, Transport
from edgeboot.verify.expectation import ClusterExpectation
from edgeboot.verify.probes.ends import Probes, addresses, ended, pod_end, running, warnings
from edgeboot.verify.probes.pods import GROUP, MANAGED_BY, first_group, second_group

SECONDS = 120.0  # for each group; K3s takes a few, a board that swaps a minute
_OLD = 900  # seconds; an older namespace of probes is a leftover
_GUARD = "/run/k3s/edgeboot-probe"
_DEADLINE = 60.0


def run_probes(
    transport: Transport,
    expected: ClusterExpectation,
    nodes: Sequence[str],
    *,
    seconds: float | None = None,
    now: Callable[[], float] = time.time,
    pause: float | None = None,
) -> Probes:
    """Starts pods on nodes and waits for their answers; NotMeasured if the API refuses them."""
    namespace = f"edgeboot-probe-{int(now())}"
    try:
        with api_of(transport) as api, _guarded(transport, api, namespace):
            _remove_old(api, now())
            return _Run(
                api, expected, nodes, namespace, seconds or SECONDS, pause or pause_of(api)
            ).run()
    except ApiError as error:
        raise NotMeasured(f"the API refused the probes: {error.what}") from error


@contextmanager
def _guarded(transport: Transport, api: KubeApi, namespace: str) -> Iterator[None]:
    """Removes the namespace at the end, even if the connection breaks."""
    held = transport.hold(
        Snippet("probe-guard", (namespace, _GUARD)), ready="ready", deadline=_DEADLINE
    )
    if isinstance(held, Result):
        raise NotMeasured(
            f"cannot start the guard of the probes: {held.stderr.strip() or 'no output'}"
        )
    try:
        try:
            yield
        finally:
            api.delete(NAMESPACES, namespace)
            # Without the file the guard starts no kubectl.
            transport.run(Argv(("rm", "-f", _GUARD)), deadline=_DEADLINE)
    finally:
        held.release()


def _remove_old(api: KubeApi, now: float) -> None:
    """Removes what earlier runs left behind."""
    path = NAMESPACES.path(query={"labelSelector": "=".join(MANAGED_BY)})
    for name in names(list_of(api, path)):
        began = name.rpartition("-")[2]
        if is_number(began) and now - int(began) > _OLD:
            api.delete(NAMESPACES, name)


class _Run:
    def __init__(
        self,
        api: KubeApi,
        expected: ClusterExpectation,
        nodes: Sequence[str],
        namespace: str,
        seconds: float,
        pause: float,
    ) -> None:
        self._api = api
        self._expected = expected
        self._nodes = nodes
        self._namespace = namespace
        self._seconds = seconds
        self._pause = pause

    def run(self) -> Probes:
        self._api.apply(first_group(self._expected, self._nodes, self._namespace))
        first = self._until("first", running, len(self._nodes))
        with understanding(self._api.where):
            peers = addresses(first)
        objects = second_group(self._expected, self._nodes, self._namespace, peers)
        self._api.apply(objects)
        second = self._until("second", ended, sum(kind is PODS for kind, _ in objects))
        claims, events = self._list(CLAIMS.path(namespace=self._namespace)), self._events()
        with understanding(self._api.where):
            told = warnings(events)
            ends = [pod_end(pod, told) for pod in (*first, *second)]
            claim = text(claims[0], "status", "phase") if claims else ""
        return Probes({end.name: end for end in ends}, claim)

    def _until(self, group: str, done: Callable[[Node], bool], count: int) -> tuple[Node, ...]:
        """The pods of a group once all are done, or as they are after the deadline."""
        path = PODS.path(namespace=self._namespace, query={"labelSelector": f"{GROUP}={group}"})

        def look() -> tuple[Node, ...] | None:
            pods = self._list(path)
            with understanding(self._api.where):
                return pods if len(pods) >= count and all(map(done, pods)) else None

        return wait(look, self._seconds, pause=self._pause) or self._list(path)

    def _events(self) -> tuple[Node, ...]:
        """Return warnings as an explanation; failing to list them is not an error."""
        try:
            return self._list(EVENTS.path(namespace=self._namespace))
        except ApiError:
            return ()

    def _list(self, path: str) -> tuple[Node, ...]:
        return list_of(self._api, path)
