"""The host's own kubectl behind the same port: what is run, and what its answers become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edgeboot.kube.api import DEPLOYMENTS, HELM_CHARTS, JOBS, NODES, STORAGE_CLASSES, ApiError
from edgeboot.kube.kubectl import KubectlApi
from edgeboot.secret import Secret
from edgeboot.transport.base import Command, Result, Snippet
from edgeboot.transport.fake.host import FakeCluster, FakeHost


@dataclass
class Ran:
    words: tuple[str, ...]
    stdin: bytes


class Kubectl(FakeHost):
    """A host that answers ``kubectl.sh`` from a list."""

    def __init__(self, *answers: Result) -> None:
        super().__init__("pi", FakeCluster("v1", {}))
        self.answers: Iterator[Result] = iter(answers)
        self.ran: list[Ran] = []

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        del deadline
        assert isinstance(command, Snippet)
        assert command.name == "kubectl"
        self.ran.append(Ran(command.parameters, stdin if isinstance(stdin, bytes) else b""))
        return next(self.answers)


def said(text: str) -> Result:
    return Result(0, text, "Warning: v1 ComponentStatus is deprecated in v1.19+\n")


def failed(text: str) -> Result:
    return Result(1, "", text + "\n")


def item(version: str, kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def test_a_snapshot_is_one_process_whatever_it_lists() -> None:
    items = [
        item("v1", "Node", "pi"),
        item("storage.k8s.io/v1", "StorageClass", "local-path"),
        item("apps/v1", "Deployment", "coredns"),
    ]
    host = Kubectl(said(json.dumps({"items": items})))
    seen = KubectlApi(host).snapshot((NODES, STORAGE_CLASSES, DEPLOYMENTS, JOBS))
    assert [ran.words for ran in host.ran] == [
        ("list", "nodes.v1.,storageclasses.v1.storage.k8s.io,deployments.v1.apps,jobs.v1.batch")
    ]
    assert seen.ready
    found = {k.plural: [i.member("metadata").value for i in v] for k, v in seen.items.items()}
    assert found == {
        "nodes": [{"name": "pi"}],
        "storageclasses": [{"name": "local-path"}],
        "deployments": [{"name": "coredns"}],
        "jobs": [],
    }


def test_a_type_that_is_not_known_yet_costs_the_others_nothing() -> None:
    host = Kubectl(
        failed('error: the server doesn\'t have a resource type "helmcharts"'),
        said(json.dumps({"items": [item("v1", "Node", "pi")]})),
    )
    seen = KubectlApi(host).snapshot((NODES, HELM_CHARTS))
    assert seen.ready
    assert set(seen.items) == {NODES}
    assert "helmcharts" in seen.complaints[0]


def test_an_api_that_does_not_answer_is_not_ready() -> None:
    host = Kubectl(failed("The connection to the server 127.0.0.1:6443 was refused"))
    seen = KubectlApi(host).snapshot((NODES,))
    assert not seen.ready
    assert "refused" in seen.complaints[0]


def test_changes() -> None:
    host = Kubectl(*(said("") for _ in range(3)))
    api = KubectlApi(host)
    api.patch(DEPLOYMENTS, "coredns", {"spec": {"replicas": 2}}, namespace="kube-system")
    api.apply([(NODES, item("v1", "Node", "pi"))])
    assert api.delete(NODES, "pi")
    assert [ran.words for ran in host.ran] == [
        ("patch", "deployments.v1.apps", "coredns", "kube-system"),
        ("apply",),
        ("delete", "nodes.v1.", "pi", "-"),
    ]
    assert json.loads(host.ran[0].stdin) == {"spec": {"replicas": 2}}
    assert json.loads(host.ran[1].stdin)["items"] == [item("v1", "Node", "pi")]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('Error from server (NotFound): nodes "pi" not found', 404),
        ('Error from server (Conflict): Operation cannot be fulfilled on nodes "pi"', 409),
        ("error: something else", 0),
    ],
)
def test_errors_have_the_apis_code(words: str, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        KubectlApi(Kubectl(failed(words))).get("/api/v1/nodes/pi")
    assert caught.value.code == code
    assert words.split(": ", 1)[1] in caught.value.what


def test_what_is_gone_already_is_no_error() -> None:
    host = Kubectl(failed('Error from server (NotFound): nodes "pi" not found'))
    assert not KubectlApi(host).delete(NODES, "pi")
