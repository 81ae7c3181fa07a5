"""What a server says of its cluster: as values, however it says it, and at what cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeboot.kube.reading import persistent_volumes, with_api
from edgeboot.plan.health import ChartState, NodeState, Status
from edgeboot.secret import Secret
from edgeboot.transport.base import NoChannel, Result
from edgeboot.transport.fake.tls import kubeconfig
from tests.support.scripted_api import Reply, ScriptedHost

READY: Reply = (200, b"ok")
CONFIG = Secret(kubeconfig(6443))
ACTIVE = Status("active", 0, runtime=True, kubeconfig=CONFIG)
NODES, CHARTS, JOBS = (
    "/api/v1/nodes",
    "/apis/helm.cattle.io/v1/helmcharts",
    "/apis/batch/v1/jobs",
)
CONDITIONS = [
    {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-01T00:00:00Z"},
    {"type": "EtcdIsVoter", "status": "False", "message": "still learning"},
]
NODE = {
    "metadata": {"name": "pi", "labels": {"zone": "a"}},
    "status": {
        "conditions": CONDITIONS,
        "nodeInfo": {"kubeletVersion": "v1.36.2+k3s1"},
        "images": [{"names": ["pause@sha256:aa", "pause:3.6"], "sizeBytes": 7}],
    },
}
CHART = {"metadata": {"name": "hello", "namespace": "kube-system"}}
JOB = {
    "metadata": {"name": "helm-install-hello", "namespace": "kube-system"},
    "status": {"failed": 2},
}


def listed(*items: object) -> Reply:
    return 200, {"items": list(items)}


def server(**replies: Reply) -> ScriptedHost:
    found = {"readyz": READY, "nodes": listed(NODE), "charts": listed(CHART), "jobs": listed(JOB)}
    found |= replies
    paths = {"readyz": "/readyz", "nodes": NODES, "charts": CHARTS, "jobs": JOBS}
    return ScriptedHost({("GET", paths[name]): reply for name, reply in found.items()})


def test_nodes_and_charts() -> None:
    status = with_api(ACTIVE, server())
    assert status.api_ready
    assert status.nodes == {
        "pi": NodeState(
            name="pi",
            ready=True,
            message="no Ready condition yet",
            version="v1.36.2+k3s1",
            labels={"zone": "a"},
            voter=False,
            voter_message="still learning",
            ready_since="2027-01-01T00:00:00Z",
            images=(frozenset({"pause@sha256:aa", "pause:3.6"}),),
        )
    }
    message = "job helm-install-hello failed 2 times"
    assert status.charts == (
        ChartState("kube-system", "hello", False, message, "helm-install-hello"),
    )
    assert status.complaints == ()


def test_a_job_that_has_not_succeeded_is_told_with_its_last_words() -> None:
    """K3s starts the job's pod over and over: the job itself never counts as failed."""
    host = server()
    pods = "/api/v1/namespaces/kube-system/pods"
    names = {"a": "2027-01-01T00:00:00Z", "b": "2027-01-01T00:00:09Z"}
    items = [{"metadata": {"name": n, "creationTimestamp": at}} for n, at in names.items()]
    host.script[("GET", pods)] = listed(*items)
    host.script[("GET", f"{pods}/b/log")] = (200, b"Error: INSTALLATION FAILED: no such value\n")
    assert with_api(ACTIVE, host).chart_log == "Error: INSTALLATION FAILED: no such value"


@pytest.mark.parametrize("active", ["inactive", "failed", "deactivating"])
def test_a_k3s_that_does_not_run_is_not_asked(active: str) -> None:
    host = server()
    status = replace(ACTIVE, active=active)
    assert with_api(status, host) == status
    assert host.asked == []


def test_before_the_api_is_ready_nothing_else_is_asked() -> None:
    host = server(readyz=(503, b"starting"))
    status = with_api(ACTIVE, host)
    assert not status.api_ready
    assert status.nodes is None
    assert [target for _, target, _ in host.asked] == ["/readyz"]


def test_a_port_that_is_closed_is_not_ready() -> None:
    host = server()
    host.opened = lambda: NoChannel("Connect failed")
    status = with_api(ACTIVE, host)
    assert not status.api_ready
    assert "Connect failed" in status.complaints[0]


class ByKubectl(ScriptedHost):
    """A host that forwards nothing."""

    def __init__(self) -> None:
        super().__init__({})
        self.opened = lambda: NoChannel("administratively prohibited", forbidden=True)
        self.processes: list[str] = []

    def run(self, command: Any, *, stdin: object = None, deadline: float) -> Result:
        del stdin, deadline
        self.processes.append(command.parameters[0])
        return Result(0, '{"items": []}', "")


def test_a_look_where_nothing_is_forwarded_is_one_process() -> None:
    host = ByKubectl()
    status = with_api(ACTIVE, host)
    assert status.api_ready
    assert status.nodes == {}
    assert host.processes == ["list"]


def test_and_none_as_long_as_k3s_is_starting() -> None:
    host = ByKubectl()
    assert not with_api(replace(ACTIVE, active="activating"), host).api_ready
    assert host.processes == []


LIES: dict[str, Reply] = {
    "no object": (200, [1]),
    "items that are none": (200, {"items": {}}),
    "nodes that are none": listed(7),
    "a node without a name": listed({"metadata": {}}),
    "a name that is a number": listed({"metadata": {"name": 7}}),
    "a name without an end": listed({"metadata": {"name": "x" * 100_000}}),
    "conditions that are none": listed({**NODE, "status": {"conditions": "Ready"}}),
    "images that are none": listed({**NODE, "status": {"images": [{"names": [[]]}]}}),
    "labels that are none": listed({"metadata": {"name": "pi", "labels": ["a"]}}),
    "deep": (200, b"[" * 100_000),
    "text": (200, b"\xff\xfe"),
}


@pytest.mark.parametrize("reply", LIES.values(), ids=LIES)
def test_a_server_that_lies_about_nodes_is_not_believed_and_breaks_nothing(reply: Reply) -> None:
    status = with_api(ACTIVE, server(nodes=reply))
    assert status.api_ready
    assert not status.nodes
    assert any("cannot read" in complaint for complaint in status.complaints)


@pytest.mark.parametrize(
    "reply", [listed({"metadata": JOB["metadata"], "status": {"failed": -1}}), listed({})]
)
def test_nor_one_that_lies_about_jobs(reply: Reply) -> None:
    status = with_api(ACTIVE, server(jobs=reply))
    assert status.charts is None
    assert any("cannot read" in complaint for complaint in status.complaints)


def test_persistent_volumes_are_named() -> None:
    claimed = {"capacity": {"storage": "2Gi"}, "claimRef": {"namespace": "default", "name": "db"}}
    volumes = [{"metadata": {"name": "pvc-1"}, "spec": claimed}, {"metadata": {"name": "pvc-2"}}]
    host = ScriptedHost({("GET", "/api/v1/persistentvolumes"): listed(*volumes)})
    assert persistent_volumes(host) == (
        "persistent volume pvc-1 of default/db, 2Gi",
        "persistent volume pvc-2, size unknown",
    )
    assert persistent_volumes(ScriptedHost({})) == ()
