"""Steps that act on the cluster: what is asked of the API, what is waited for, what is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat

import pytest

from edgeboot.errors import StepFailed, Unreachable
from edgeboot.kube.steps import Clock, carry_out
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
from edgeboot.transport.base import NoChannel
from tests.support.scripted_api import Reply, ScriptedHost, missing

PI = "/api/v1/nodes/pi"
SCALE = ScaleDeployment("kube-system", "coredns", 2, "run 2 CoreDNS pods")
DEPLOYMENT = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
OK: Reply = (200, {})


@dataclass
class Time:
    """A clock that moves only while somebody sleeps."""

    at: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.pauses.append(seconds)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep)


def do(host: ScriptedHost, step: ClusterStep) -> Time:
    time = Time()
    carry_out(host, step, time.clock)
    return time


def first(count: int, reply: Reply, then: Reply = OK) -> Iterator[Reply]:
    yield from repeat(reply, count)
    yield from repeat(then)


def test_a_step_is_noted_in_the_hosts_journal() -> None:
    host = ScriptedHost({("PATCH", DEPLOYMENT): OK})
    do(host, SCALE)
    assert host.asked == [
        ("PATCH", f"{DEPLOYMENT}?fieldManager=edgeboot", {"spec": {"replicas": 2}})
    ]
    assert host.noted == [("run 2 CoreDNS pods", "done")]


PASSING = {
    "no leader": (500, b'{"message": "etcdserver: no leader"}'),
    "another leader": (500, b'{"message": "etcdserver: leader changed"}'),
    "overloaded": (429, b"too many requests"),
    "starting": (503, b"starting"),
    "not there yet": missing(DEPLOYMENT),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
def test_what_passes_by_itself_is_waited_for(reply: Reply) -> None:
    host = ScriptedHost({("PATCH", DEPLOYMENT): first(3, reply)})
    assert do(host, SCALE).pauses == [2.0] * 3


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
def test_but_not_longer_than_a_minute(reply: Reply) -> None:
    host = ScriptedHost({("PATCH", DEPLOYMENT): reply})
    time = Time()
    with pytest.raises(StepFailed, match="run 2 CoreDNS pods: the API returned"):
        carry_out(host, SCALE, time.clock)
    assert time.at == 60.0
    assert host.noted == [("run 2 CoreDNS pods", "failed")]


def test_any_other_failure_is_told_at_once_with_the_way_on() -> None:
    host = ScriptedHost({("PATCH", DEPLOYMENT): (403, b'{"message": "it is forbidden"}')})
    time = Time()
    with pytest.raises(StepFailed, match="it is forbidden") as caught:
        carry_out(host, SCALE, time.clock)
    assert caught.value.hint == SCALE.hint
    assert caught.value.where == "server-1"
    assert time.pauses == []


def test_a_lost_host_is_unreachable_and_nothing_else() -> None:
    host = ScriptedHost({})

    def lost() -> NoChannel:
        raise Unreachable("the link was cut", where="server-1")

    host.opened = lost
    with pytest.raises(Unreachable):
        do(host, SCALE)


def test_nodes_are_deleted_and_waited_for() -> None:
    gone = first(2, OK, missing(PI))
    host = ScriptedHost({("DELETE", PI): OK, ("GET", PI): gone})
    assert do(host, DeleteNodes(("pi", "other"))).pauses == [2.0] * 2
    assert host.changes() == [("DELETE", PI), ("DELETE", "/api/v1/nodes/other")]


def test_a_node_that_does_not_go_is_an_error() -> None:
    host = ScriptedHost({("DELETE", PI): OK, ("GET", PI): OK})
    with pytest.raises(StepFailed, match="node pi is still there after 120 s"):
        do(host, DeleteNodes(("pi",)))


def test_passwords_that_are_gone_already_are_no_error() -> None:
    host = ScriptedHost({})
    do(host, ForgetNodePasswords(("pi",)))
    path = "/api/v1/namespaces/kube-system/secrets/pi.node-password.k3s"
    assert host.changes() == [("DELETE", path)]


NODE = {
    "metadata": {"name": "pi", "resourceVersion": "7", "labels": {"old": "x", "mine": "y"}},
    "spec": {
        "taints": [
            {"key": "a", "value": "1", "effect": "NoSchedule"},
            {"key": "gone", "effect": "NoExecute"},
            {"key": "theirs", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"},
        ]
    },
}
LABELS = ApplyLabels("pi", ("old",), ("gone:NoExecute", "never:NoSchedule"), ("a=2:NoSchedule",))


def test_labels_and_taints_change_as_the_node_was_read() -> None:
    host = ScriptedHost({("GET", PI): (200, NODE), ("PATCH", PI): OK})
    do(host, LABELS)
    assert host.asked[-1][2] == {
        "metadata": {"resourceVersion": "7", "labels": {"old": None}},
        "spec": {
            "taints": [
                {"key": "theirs", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"},
                {"key": "a", "value": "2", "effect": "NoSchedule"},
            ]
        },
    }


def test_somebody_elses_change_in_between_is_not_lost() -> None:
    conflict = (409, b'{"message": "the object has been modified"}')
    host = ScriptedHost({("GET", PI): (200, NODE), ("PATCH", PI): first(1, conflict)})
    do(host, LABELS)
    assert [method for method, _, _ in host.asked] == ["GET", "PATCH", "GET", "PATCH"]


@pytest.mark.parametrize(
    "node",
    [
        missing(PI),
        (200, {"metadata": {"name": "pi"}}),
        (200, {"metadata": {"name": "pi", "labels": None}, "spec": {"taints": None}}),
    ],
)
def test_where_there_is_nothing_to_take_off_nothing_is_changed(node: Reply) -> None:
    host = ScriptedHost({("GET", PI): node})
    do(host, ApplyLabels("pi", ("old",), ("gone:NoExecute",)))
    assert host.changes() == []


MANIFEST = "/var/lib/rancher/k3s/server/manifests/edgeboot-chart-hello.json"
ADDON = "/apis/k3s.cattle.io/v1/namespaces/kube-system/addons/edgeboot-chart-hello"
JOB = "/apis/batch/v1/namespaces/kube-system/jobs/helm-install-hello"
WAIT = WaitForChart("hello", MANIFEST, "ab" * 32, 100)
READ = (200, {"spec": {"checksum": "ab" * 32}})


def job(made: str = "2027-01-01T00:00:00Z", **status: int) -> Reply:
    return 200, {"metadata": {"creationTimestamp": made}, "status": status}


OLD = "2023-01-01T00:00:00Z"  # before the manifest was written


def chart(addon: Reply | Iterator[Reply], state: Reply | Iterator[Reply]) -> ScriptedHost:
    return ScriptedHost({("GET", ADDON): addon, ("GET", JOB): state}, {MANIFEST: "{}"})


def test_a_chart_is_installed_when_its_job_is_younger_than_its_manifest() -> None:
    before = (200, {"spec": {"checksum": "cd" * 32}})
    running = iter([job(), job(failed=1), job(failed=1, succeeded=1)])
    assert do(chart(first(2, before, READ), running), WAIT).pauses == [2.0] * 4


def test_a_job_from_before_counts_once_it_is_clear_that_nothing_changed() -> None:
    assert do(chart(READ, job(OLD, succeeded=1)), WAIT).at == 60.0


def test_an_api_that_restarts_meanwhile_is_waited_for() -> None:
    restarting = (503, b"starting")
    assert do(chart(READ, first(3, restarting, job(succeeded=1))), WAIT).pauses == [2.0] * 3


def test_a_chart_that_fails_is_told_with_the_last_words_of_its_job() -> None:
    host = chart(READ, job(failed=4))
    pods = "/api/v1/namespaces/kube-system/pods"
    metadata = {"name": "helm-install-hello-x", "creationTimestamp": OLD}
    host.script[("GET", pods)] = (200, {"items": [{"metadata": metadata}]})
    host.script[("GET", f"{pods}/helm-install-hello-x/log")] = (200, b"Error: no such value\n")
    with pytest.raises(StepFailed) as caught:
        do(host, WAIT)
    assert "not installed after 100 s: its job helm-install-hello is running; it failed 4" in str(
        caught.value
    )
    assert "    Error: no such value" in str(caught.value)


def test_a_chart_without_its_manifest_is_an_error() -> None:
    host = ScriptedHost({})
    with pytest.raises(StepFailed, match="not found"):
        do(host, WAIT)


HELLO = """
apiVersion: v1
kind: Namespace
metadata: {name: greetings}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
---
apiVersion: v1
kind: List
items:
- {apiVersion: helm.cattle.io/v1, kind: HelmChart, metadata: {name: web, namespace: kube-system}}
- {apiVersion: gone.example.com/v1, kind: Gadget, metadata: {name: x}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: taken, namespace: greetings}}
---
"""
WITHDRAW = Withdraw("/m/hello.yaml", 300, "remove what hello.yaml brought")
CORE = (
    200,
    {
        "resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
            {"name": "namespaces", "kind": "Namespace", "namespaced": False},
            {"name": "namespaces/status", "kind": "Namespace", "namespaced": False},
        ]
    },
)
HELM = (
    200,
    {
        "resources": [
            {"name": "helmcharts/status", "kind": "HelmChart", "namespaced": True},
            {"name": "helmcharts", "kind": "HelmChart", "namespaced": True},
        ]
    },
)
FIRST = "/api/v1/namespaces/default/configmaps/first"
TAKEN = "/api/v1/namespaces/greetings/configmaps/taken"
WEB = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/web"
HELLO_ADDON = "/apis/k3s.cattle.io/v1/namespaces/kube-system/addons/hello"


def owned(by: str) -> Reply:
    return 200, {"metadata": {"annotations": {"objectset.rio.cattle.io/owner-name": by}}}


def withdrawing(web: Callable[[], Iterator[Reply]]) -> ScriptedHost:
    script = {
        ("GET", "/api/v1"): CORE,
        ("GET", "/apis/helm.cattle.io/v1"): HELM,
        ("GET", FIRST): iter([owned("hello"), missing(FIRST)]),
        ("GET", TAKEN): owned("another"),
        ("GET", WEB): web(),
        ("DELETE", FIRST): OK,
        ("DELETE", WEB): OK,
        ("DELETE", HELLO_ADDON): OK,
    }
    return ScriptedHost(script, {"/m/hello.yaml": HELLO})  # type: ignore[arg-type]


def test_what_a_manifest_brought_goes_last_things_first_and_is_waited_for() -> None:
    host = withdrawing(lambda: first(3, owned("hello"), missing(WEB)))
    assert do(host, WITHDRAW).pauses == [2.0] * 2
    assert host.changes() == [("DELETE", WEB), ("DELETE", FIRST), ("DELETE", HELLO_ADDON)]


def test_a_release_that_cannot_be_uninstalled_keeps_what_came_before_it() -> None:
    host = withdrawing(lambda: repeat(owned("hello")))
    with pytest.raises(StepFailed, match="HelmChart web is still there after 300 s"):
        do(host, WITHDRAW)
    assert host.changes() == [("DELETE", WEB)]


def test_where_the_manifest_is_gone_only_its_addon_is_left() -> None:
    host = ScriptedHost({("DELETE", HELLO_ADDON): OK})
    do(host, WITHDRAW)
    assert host.changes() == [("DELETE", HELLO_ADDON)]


@pytest.mark.parametrize("text", ["a: [", "7", "- x", "kind: ConfigMap", "[" * 5000])
def test_a_manifest_that_makes_no_sense_is_that_hosts_error(text: str) -> None:
    host = ScriptedHost({}, {"/m/hello.yaml": text})
    with pytest.raises(StepFailed, match=r"cannot read the manifest /m/hello\.yaml"):
        do(host, WITHDRAW)


REACH = Reach("https://192.0.2.11:6443", "open 6443/tcp")


def test_an_api_is_reached_without_credentials() -> None:
    host = ScriptedHost({("GET", "/ping"): (200, b"pong")})
    do(host, REACH)
    assert host.asked == [("GET", "/ping", None)]


@pytest.mark.parametrize(
    ("script", "opened", "words"),
    [
        ({}, NoChannel("Connect failed"), "cannot connect to port 6443 of 192.0.2.11"),
        ({("GET", "/ping"): (503, b"")}, None, "port 6443 of 192.0.2.11 returns 503"),
    ],
)
def test_one_that_is_not_reached_says_so(
    script: dict[tuple[str, str], Reply], opened: NoChannel | None, words: str
) -> None:
    host = ScriptedHost(script)  # type: ignore[arg-type]
    if opened:
        host.opened = lambda: opened
    with pytest.raises(StepFailed, match=words) as caught:
        do(host, REACH)
    assert caught.value.hint == "open 6443/tcp"
