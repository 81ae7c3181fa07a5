"""Probe pods: what is started, what is waited for, and that all of it goes."""

from __future__ import annotations

import pytest

from edgeboot.errors import NotMeasured
from edgeboot.kube.api import PODS
from edgeboot.verify.expectation import ClusterExpectation
from edgeboot.verify.probes.ends import ProbeResult, Probes
from edgeboot.verify.probes.pods import first_group, second_group, wanted_peers
from edgeboot.verify.probes.run import run_probes
from tests.support.verify_hosts import Site, ended, site

NODES = ("server-1", "agent-1")
EXPECTED = ClusterExpectation("edge", storage=False, ingress=(), probe_image="busybox:1")
NOW = 1_800_000_000
SPACE = f"/api/v1/namespaces/edgeboot-probe-{NOW}"


def probe(made: Site, seconds: float = 5.0) -> Probes:
    host = made.hosts["server-1"]
    return run_probes(host, EXPECTED, NODES, seconds=seconds, now=lambda: NOW, pause=0.01)


def test_the_second_group_is_told_where_the_first_is() -> None:
    made = site()
    heard = ended("dns ok", "peer agent-1 failed 10.42.1.2: timed out")
    made.state.pods["pod-server-1"] = heard
    found = probe(made)
    asking = [p for p in made.state.started if p["metadata"]["name"].startswith("pod-")]
    told = {
        e["name"]: e["value"] for e in asking[0]["spec"]["containers"][0]["env"] if "value" in e
    }
    assert told["PEERS"] == "server-1=10.42.0.2 agent-1=10.42.0.2"
    assert found.pod("first-agent-1").ran
    assert found.answers("pod-server-1", "peer") == (
        ProbeResult("peer agent-1", False, "10.42.1.2: timed out"),
    )
    assert made.state.changes[-1] == ("DELETE", SPACE)
    assert made.hosts["server-1"].ran == ["probe-guard"]


def test_all_is_removed_where_the_api_refuses() -> None:
    made = site()
    made.state.refuses_pods = True
    with pytest.raises(NotMeasured, match="pods are forbidden"):
        probe(made)
    assert made.state.changes[-1] == ("DELETE", SPACE)


def test_pods_that_do_not_end_are_waited_for_so_long_and_no_longer() -> None:
    made = site()
    made.state.pods = {"pod-server-1": {"phase": "Pending"}, "pod-agent-1": {}}
    found = probe(made, seconds=0.1)
    assert not found.pod("pod-server-1").ran
    assert found.pod("pod-agent-1").why == "it is not scheduled"
    assert made.state.changes[-1] == ("DELETE", SPACE)


def test_what_others_left_is_removed_and_what_is_young_is_left() -> None:
    made = site()
    made.state.namespaces = ["edgeboot-probe-1700000000", f"edgeboot-probe-{NOW - 60}", "other-x"]
    probe(made)
    deleted = [path for method, path in made.state.changes if method == "DELETE"]
    assert deleted == ["/api/v1/namespaces/edgeboot-probe-1700000000", SPACE]


def test_everybody_asks_everybody_in_a_small_cluster_and_a_ring_in_a_large_one() -> None:
    assert wanted_peers(["a", "b", "c"], "b") == ("c", "a")
    many = [str(number) for number in range(20)]
    assert wanted_peers(many, "18") == ("19", "0", "1")
    assert wanted_peers(["a"], "a") == ()


def test_pods_are_small_unprivileged_and_never_pull() -> None:
    groups = (*first_group(EXPECTED, NODES, "x"), *second_group(EXPECTED, NODES, "x", {}))
    pods = [document for kind, document in groups if kind is PODS]
    assert len(pods) == 6
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["imagePullPolicy"] == "Never"
        assert container["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["spec"]["activeDeadlineSeconds"] <= 600
        assert not pod["spec"]["automountServiceAccountToken"]
