"""Every check: passes on a healthy site, fails for its own reason, and can fail to be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edgeboot.inventory.model import Role
from edgeboot.verify.catalogue import catalogue
from edgeboot.verify.results import CheckResult, Outcome, Verification
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.suite import Fleet, verify
from tests.support import verify_hosts as hosts
from tests.support.verify_hosts import (
    MIB,
    Site,
    chart,
    deployment,
    ended,
    node_object,
    site,
    verified,
)

Break = Callable[[Site], object]


def bad(found: Verification, outcome: Outcome) -> list[CheckResult]:
    return [r for r in found.results if r.outcome is outcome]


def agent(made: Site) -> hosts.HostState:
    return made.hosts["agent-1"].state


def set_mode(path: str, mode: str) -> Break:
    return lambda made: agent(made).modes.update({path: mode})


def etcd(voter: bool | None) -> Break:
    def change(made: Site) -> None:
        made.cluster = replace(made.cluster, etcd=True)
        made.state.nodes[0] = node_object("server-1", voter=voter)

    return change


def change(**values: object) -> Break:
    def of(made: Site) -> None:
        for name, value in values.items():
            setattr(agent(made), name, value)

    return of


def api(**values: object) -> Break:
    def of(made: Site) -> None:
        for name, value in values.items():
            setattr(made.state, name, value)

    return of


def pod(name: str, status: dict[str, object]) -> Break:
    return lambda made: made.state.pods.update({name: status})


def unknown(name: str) -> Break:
    return pod(name, {"phase": "Unknown", "message": "nobody knows"})


CONFIG = hosts.CONFIG.path
NOT_PULLED = {
    "phase": "Pending",
    "containerStatuses": [
        {"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "image is not present"}}}
    ],
}

# What is broken -> the check, its node and subject, a part of its message. Nothing else may fail.
FAILS: dict[str, tuple[Break, str, str, str, str]] = {
    "service stopped": (change(active="failed"), "service", "agent-1", "", "its service is failed"),
    "service not enabled": (
        change(enabled="no"),
        "service",
        "agent-1",
        "",
        "does not start at boot",
    ),
    "service with old files": (
        lambda made: made.expect("agent-1", pending="what it is started with has changed"),
        "service",
        "agent-1",
        "",
        "has changed",
    ),
    "version": (
        change(version="v1.35.0+k3s1"),
        "version",
        "agent-1",
        "",
        "version v1.35.0+k3s1, not",
    ),
    "file missing": (
        lambda made: agent(made).modes.pop(CONFIG),
        "file",
        "agent-1",
        CONFIG,
        "missing",
    ),
    "file mode": (
        set_mode(CONFIG, "640 0:0 regular file"),
        "file",
        "agent-1",
        CONFIG,
        "mode 0640, not 0600",
    ),
    "file owner": (
        set_mode(CONFIG, "600 1000:0 regular file"),
        "file",
        "agent-1",
        CONFIG,
        "owned by 1000:0",
    ),
    "file kind": (
        set_mode(CONFIG, "600 0:0 directory"),
        "file",
        "agent-1",
        CONFIG,
        "not a regular file but a directory",
    ),
    "file content": (
        lambda made: agent(made).hashes.update({CONFIG: "d" * 64}),
        "file",
        "agent-1",
        CONFIG,
        "content differs: sha256 dddd",
    ),
    "image missing": (change(images="REF\n"), "image", "agent-1", hosts.IMAGE, "not imported"),
    "image digest": (
        lambda made: made.expect("agent-1", images={hosts.IMAGE: "sha256:" + "b" * 64}),
        "image",
        "agent-1",
        hosts.IMAGE,
        "digest sha256:aaa",
    ),
    "image incomplete": (
        lambda made: setattr(
            agent(made), "images", agent(made).images.replace("complete (3/3)", "incomplete (2/3)")
        ),
        "image",
        "agent-1",
        hosts.IMAGE,
        "incomplete",
    ),
    "secret": (
        set_mode("/etc/rancher/k3s/k3s.yaml", "644 0:0 regular file"),
        "secrets",
        "agent-1",
        "",
        "/etc/rancher/k3s/k3s.yaml",
    ),
    "certificate": (
        change(certificates=f"file /x.crt\n{hosts.certificate(12)}"),
        "certificates",
        "agent-1",
        "",
        "/x.crt expires in 12 days",
    ),
    "sysctl": (
        lambda made: agent(made).kernel.__setitem__(0, "sysctl net/ipv4/ip_forward 0"),
        "kernel",
        "agent-1",
        "",
        "net/ipv4/ip_forward=0, not 1",
    ),
    "module": (
        lambda made: agent(made).kernel.remove("module overlay"),
        "kernel",
        "agent-1",
        "",
        "module overlay",
    ),
    "controller": (
        lambda made: agent(made).kernel.remove("cgroup memory"),
        "kernel",
        "agent-1",
        "",
        "cgroup controller memory",
    ),
    "a node that the inventory does not name": (
        lambda made: made.state.nodes.append(node_object("phantom", ready=False)),
        "other_nodes",
        "cluster",
        "",
        "not in the inventory: phantom (not Ready)",
    ),
    "a host that is another node": (
        lambda made: made.expect("agent-1", runs_as="agent-2"),
        "identity",
        "agent-1",
        "",
        "this host runs as agent-2",
    ),
    "another host under its name": (
        lambda made: made.expect("agent-1", runs_as="", machine_id="id-new"),
        "identity",
        "agent-1",
        "",
        "another host reports as agent-1",
    ),
    "node_version": (
        lambda made: made.state.nodes[1]["status"]["nodeInfo"].update(kubeletVersion="v1.35.0"),
        "node_version",
        "agent-1",
        "",
        "version v1.35.0, not",
    ),
    "etcd": (etcd(False), "etcd_voter", "server-1", "", "does not vote"),
    "workload": (
        api(workloads=[deployment("coredns", ready=0)]),
        "workload",
        "cluster",
        "kube-system/deployment/coredns",
        "0 of 1 pods",
    ),
    "chart": (api(charts=chart("hello", 0)), "chart", "cluster", "hello", "failed 3 times"),
    "chart gone": (api(charts=[]), "chart", "cluster", "hello", "no such HelmChart"),
    "dns": (
        pod("pod-agent-1", ended("dns failed no servers", "peer server-1 ok x", "ingress-80 ok")),
        "dns_from_pod",
        "agent-1",
        "",
        "no servers",
    ),
    "dns of the node": (
        pod("node-agent-1", ended("dns failed connection refused")),
        "dns_from_node",
        "agent-1",
        "",
        "connection refused",
    ),
    "traffic": (
        pod("pod-agent-1", ended("dns ok", "peer server-1 failed 10.42.0.2: timed out")),
        "pod_traffic",
        "agent-1",
        "",
        "peer server-1: 10.42.0.2: timed out",
    ),
    "ingress": (
        pod(
            "pod-agent-1",
            ended("dns ok", "peer server-1 ok x", "ingress-80 ok", "ingress-443 failed no answer"),
        ),
        "ingress",
        "agent-1",
        "",
        "ingress-443: no answer",
    ),
    "no class": (api(default_class=False), "storage", "cluster", "", "no default storage class"),
    "claim": (api(claim="Pending"), "storage", "cluster", "", "the claim is Pending"),
    "budget": (
        change(sample=hosts.sampling(memory=200 * MIB)),
        "budget",
        "agent-1",
        "memory",
        "200.0 MiB; the budget is at most 150.0 MiB",
    ),
}


@pytest.mark.parametrize("name", FAILS)
def test_a_check_fails_for_its_reason_and_no_other_does(name: str) -> None:
    breaks, check, node, subject, message = FAILS[name]
    made = site()
    breaks(made)
    found = verified(made)
    failed = [(r.check, r.node, r.subject) for r in bad(found, Outcome.FAILED)]
    assert failed == [(check, node, subject)], bad(found, Outcome.FAILED)
    assert message in bad(found, Outcome.FAILED)[0].message
    assert found.exit_code == 1


def test_a_node_that_is_not_ready_is_explained_by_its_journal() -> None:
    made = site()
    made.state.nodes[1] = node_object("agent-1", ready=False)
    agent(made).journal = "level=error no space left on device"
    (failed,) = (r for r in bad(verified(made), Outcome.FAILED) if r.check == "node_ready")
    assert failed.message == ("not Ready: container runtime is down: its disk is full [disk-full]")
    assert failed.hint.startswith("free space below /var/lib/rancher")
    assert failed.detail == "level=error no space left on device"


def test_an_api_that_is_not_ready_fails_and_what_depends_on_it_is_not_measured() -> None:
    made = site()
    made.state.ready = (500, b"etcd failed: reason withheld")
    found = verified(made)
    assert [(r.check, r.message) for r in bad(found, Outcome.FAILED)] == [
        ("api", "the API returned 500: etcd failed: reason withheld")
    ]
    assert {"pod_runs", "storage"} <= {r.check for r in bad(found, Outcome.NOT_MEASURED)}


def test_a_pod_that_does_not_start_fails_and_what_it_was_to_ask_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgeboot.verify.probes.run.SECONDS", 0.1)
    made = site()
    for name in ("first-agent-1", "pod-agent-1", "node-agent-1"):
        made.state.pods[name] = NOT_PULLED
    found = verified(made)
    assert [(r.check, r.message) for r in bad(found, Outcome.FAILED)] == [
        ("pod_runs", "image is not present")
    ]
    unmeasured = {(r.check, r.node) for r in bad(found, Outcome.NOT_MEASURED)}
    assert unmeasured == {
        (check, "agent-1") for check in ("dns_from_pod", "dns_from_node", "pod_traffic", "ingress")
    }


def stop_sampling(made: Site) -> None:
    agent(made).sample_code = 1


UNMEASURED: dict[str, tuple[Break, set[str]]] = {
    "a silent host": (
        lambda made: setattr(made.hosts["agent-1"], "gone", True),
        {"service", "version", "file", "image", "secrets", "certificates", "kernel", "budget"},
    ),
    "no version": (change(version=""), {"version"}),
    "no hash": (lambda made: agent(made).hashes.clear(), {"file"}),
    "no runtime": (change(images_code=1, images="cannot connect"), {"image", "service"}),
    "no modes": (lambda made: agent(made).modes.clear(), {"secrets", "file"}),
    "no certificate": (change(certificates=""), {"certificates"}),
    "no sample": (stop_sampling, {"budget"}),
    "no nodes": (
        api(broken=("nodes",)),
        {
            *("node_ready", "node_version", "pod_runs", "dns_from_pod", "dns_from_node"),
            *("identity", "other_nodes"),
            *("pod_traffic", "ingress", "storage"),
        },
    ),
    "no voters": (etcd(None), {"etcd_voter"}),
    "no workloads": (api(broken=("deployments",)), {"workload"}),
    "no charts": (api(broken=("helmcharts",)), {"chart"}),
    "no classes": (api(broken=("storageclasses",)), {"storage"}),
    "no pods": (unknown("first-agent-1"), {"pod_runs"}),
    "no storage pod": (unknown("storage"), {"storage"}),
    "no image": (
        lambda made: setattr(made, "cluster", replace(made.cluster, probe_image=None)),
        {"pod_runs", "dns_from_pod", "dns_from_node", "pod_traffic", "ingress", "storage"},
    ),
    "no API": (
        lambda made: setattr(made.hosts["server-1"], "gone", True),
        {
            *("api", "node_ready", "node_version", "workload", "chart", "pod_runs", "storage"),
            *("identity", "other_nodes"),
        },
    ),
}


@pytest.mark.parametrize("name", UNMEASURED)
def test_what_cannot_be_measured_is_neither_passed_nor_failed(name: str) -> None:
    breaks, checks = UNMEASURED[name]
    made = site()
    breaks(made)
    found = verified(made)
    unmeasured = bad(found, Outcome.NOT_MEASURED)
    failed = {r.check for r in bad(found, Outcome.FAILED)}
    assert checks - {"service", "file"} <= {r.check for r in unmeasured}
    assert checks <= {r.check for r in unmeasured} | failed
    assert all(r.message for r in unmeasured)
    assert failed <= {"service", "file"}
    assert found.exit_code == (1 if failed else 6)


def test_every_check_is_seen_to_pass_to_fail_and_not_to_be_measured() -> None:
    made = site()
    etcd(True)(made)
    found = verified(made)
    names = {check.name for check in catalogue()}
    assert {r.outcome for r in found.results} == {Outcome.PASSED}
    assert {r.check for r in found.results} == names
    failing = {check for _, check, *_ in FAILS.values()} | {"api", "node_ready", "pod_runs"}
    assert failing == names
    assert {check for _, checks in UNMEASURED.values() for check in checks} == names


def test_a_host_is_asked_two_things_and_a_server_only_guards_pods_beside() -> None:
    made = site()
    verified(made)
    assert made.hosts["agent-1"].ran == ["sample", "inspect"]
    assert made.hosts["server-1"].ran == ["sample", "inspect", "probe-guard"]


def test_without_pods_nothing_is_started_and_nothing_of_it_is_missed() -> None:
    made = site()
    found = verified(made, CheckSelection(pods=False))
    assert found.exit_code == 0
    assert "probe-guard" not in made.hosts["server-1"].ran
    assert not {"pod_runs", "storage", "ingress"} & {r.check for r in found.results}


def test_a_lone_server_has_no_traffic_to_check() -> None:
    made = site("agent-1")
    del made.expectations["agent-1"]
    del made.state.nodes[1]
    found = verified(made)
    assert found.exit_code == 0
    assert "pod_traffic" not in {r.check for r in found.results}
    assert made.expectations["server-1"].role is Role.SERVER


def test_a_node_aside_is_asked_for_the_others_but_not_checked() -> None:
    made = site()
    fleet = Fleet(
        made.cluster,
        list(made.expectations.values()),
        made.hosts,
        aside=frozenset({"server-1"}),
    )
    found = verify(
        fleet, CheckSelection(), window=4, when="2027-01-15T08:00:00+00:00", tell=lambda _r: None
    )
    assert found.exit_code == 0
    assert {r.node for r in found.results} == {"agent-1", "cluster"}
    assert [node.name for node in found.nodes] == ["agent-1"]
    assert made.hosts["server-1"].ran == ["probe-guard"]


@pytest.mark.parametrize(("since", "took"), [(90, 11_000), (100, 1000), (101, 0), (102, None)])
def test_an_agents_start_is_measured_in_whole_seconds_and_never_too_short(
    since: int, took: int | None
) -> None:
    """K3s was started 100 s ago. Ready before that is of the start before."""
    made = site()
    made.state.nodes[1] = node_object("agent-1", since=since)
    figures = {
        f.what: f for f in next(n for n in verified(made).nodes if n.name == "agent-1").figures
    }
    assert (figures["startup"].used if "startup" in figures else None) == took


def test_pods_are_started_on_ready_nodes_only() -> None:
    made = site("agent-1", "agent-2")
    made.state.nodes[1] = node_object("agent-1", ready=False)
    del made.state.nodes[2]
    found = verified(made)
    ran = [r.node for r in found.results if r.check == "pod_runs" and r.outcome is Outcome.PASSED]
    assert ran == ["server-1"]
    made.state.nodes = [node_object("server-1", ready=False)]
    (result,) = (r for r in verified(made).results if r.check == "storage")
    assert (result.outcome, result.message) == (Outcome.NOT_MEASURED, "no node is Ready")


def test_a_node_that_the_api_does_not_list_is_not_measured() -> None:
    made = site()
    del made.state.nodes[1]
    found = {r.check: r for r in verified(made).results if r.node == "agent-1"}
    assert found["node_version"].message == "the API does not list this node"
    assert found["pod_runs"].message == "the API does not list this node"


def test_what_is_not_run_is_named_with_its_reason() -> None:
    made = site()
    made.cluster = replace(made.cluster, storage=False, etcd=False)
    left_out = dict(verified(made, CheckSelection(pods=False)).not_run)
    assert left_out["storage"] == left_out["ingress"] == "--no-pods"
    assert left_out["etcd_voter"] == "the datastore is not etcd"
    assert "service" not in left_out
    assert dict(verified(made).not_run)["storage"] == "local-storage is disabled"
