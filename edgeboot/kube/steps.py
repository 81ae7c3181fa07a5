"""Executes the steps of a plan that act on the cluster through its API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgeboot.errors import EdgebootError, StepFailed
from edgeboot.json_document import Node
from edgeboot.kube.api import (
    DEPLOYMENTS,
    NODES,
    SECRETS,
    ApiError,
    KubeApi,
    find,
    understanding,
    wait,
)
from edgeboot.kube.charts import wait_for_chart
from edgeboot.kube.connect import api_of
from edgeboot.kube.reach import reach
from edgeboot.kube.reading import elements, text
from edgeboot.kube.withdraw import withdraw
from edgeboot.plan.cluster import (
    ApplyLabels,
    ClusterStep,
    DeleteNodes,
    ForgetNodePasswords,
    Reach,
    ScaleDeployment,
    WaitForChart,
    Withdraw,
)
from edgeboot.transport.base import Snippet, Transport

_PATIENCE = 60.0  # seconds in which what passes by itself is waited for
_PAUSE = 2.0
_GONE = 120.0  # seconds until a Node is gone: K3s takes its member out of etcd first
_NOTE_DEADLINE = 30.0
# etcd on a slow card loses its leader for a moment, and has it again.
_PASSING = ("no leader", "leader changed", "etcdserver: request timed out")
_PASSING_CODES = frozenset({0, 429, 503, 504})


@dataclass(frozen=True)
class Clock:
    """Time, as tests replace it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


def carry_out(transport: Transport, step: ClusterStep, clock: Clock = CLOCK) -> None:
    """Executes a step and records it in the host's journal; ``StepFailed`` with the step's hint."""
    try:
        _persist(transport, step, clock)
    except StepFailed as error:
        _note(transport, step, "failed")
        raise StepFailed(
            f"{step.describe()}: {error.what}", where=transport.node, hint=step.hint
        ) from error
    _note(transport, step, "done")


def _note(transport: Transport, step: ClusterStep, result: str) -> None:
    """Snippets write the journal, and these steps run none."""
    command = Snippet("note", (step.describe(), result))
    try:
        transport.run(command, deadline=_NOTE_DEADLINE)
    except EdgebootError:
        if result == "done":
            raise


def _persist(transport: Transport, step: ClusterStep, clock: Clock) -> None:
    """Retries for a minute while the API is temporarily unable."""
    until = clock.now() + _PATIENCE
    while True:
        try:
            return _act(transport, step, clock)
        except ApiError as error:
            # A Deployment of K3s's own is there some seconds after the API.
            soon = error.missing and isinstance(step, ScaleDeployment)
            if not (soon or error.conflict or _passes(error)) or clock.now() >= until:
                raise
            clock.sleep(_PAUSE)


def _passes(error: ApiError) -> bool:
    return error.code in _PASSING_CODES or any(words in error.what for words in _PASSING)


def _act(transport: Transport, step: ClusterStep, clock: Clock) -> None:
    if isinstance(step, Reach):
        reach(transport, step.url)
        return
    with api_of(transport) as api:
        match step:
            case DeleteNodes():
                _delete_nodes(api, step, clock)
            case ForgetNodePasswords():
                for node in step.nodes:
                    api.delete(SECRETS, f"{node}.node-password.k3s", namespace="kube-system")
            case ApplyLabels():
                _apply_labels(api, step)
            case ScaleDeployment():
                change = {"spec": {"replicas": step.replicas}}
                api.patch(DEPLOYMENTS, step.name, change, namespace=step.namespace)
            case WaitForChart():
                wait_for_chart(api, transport, step, clock.now, clock.sleep)
            case Withdraw():
                withdraw(api, transport, step, clock.now, clock.sleep)


def _delete_nodes(api: KubeApi, step: DeleteNodes, clock: Clock) -> None:
    gone = [node for node in step.nodes if api.delete(NODES, node)]
    for node in gone:
        path = NODES.path(node)
        if not wait(
            lambda path=path: find(api, path) is None or None,  # type: ignore[misc]
            _GONE,
            clock=clock.now,
            sleep=clock.sleep,
        ):
            raise StepFailed(f"node {node} is still there after {_GONE:g} s")


def _apply_labels(api: KubeApi, step: ApplyLabels) -> None:
    """One change, only to the object as it was read, so that taints of others stay."""
    node = find(api, NODES.path(step.node))
    if node is None:
        return  # it is not registered
    with understanding(api.where):
        version = text(node, "metadata", "resourceVersion")
        before = [_taint(item) for item in elements(node, "spec", "taints")]
        labels = node.member("metadata").get("labels")
        present = labels.pairs() if labels else {}
    added = [_parsed(taint) for taint in step.taints]
    off = {*step.remove_taints, *map(_identity, added)}
    taints = [*(t for t in before if _identity(t) not in off), *added]
    gone = {key: None for key in step.remove_labels if key in present}
    if not gone and taints == before:
        return
    change = {
        "metadata": {"resourceVersion": version, "labels": gone},
        "spec": {"taints": taints},
    }
    api.patch(NODES, step.node, change)


def _taint(item: Node) -> Mapping[str, str]:
    keys = ("key", "value", "effect", "timeAdded")
    return {key: found for key in keys if (found := text(item, key))}


def _parsed(taint: str) -> Mapping[str, str]:
    name, _, effect = taint.rpartition(":")
    key, _, value = name.partition("=")
    return {"key": key, **({"value": value} if value else {}), "effect": effect}


def _identity(taint: Mapping[str, str]) -> str:
    """A taint is known by key and effect."""
    return f"{taint.get('key', '')}:{taint.get('effect', '')}"
