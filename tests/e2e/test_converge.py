"""Install from bare, and everything that must not happen when it is run again. In order."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, has_charts, stable

pytestmark = pytest.mark.usefixtures("bare_module")


def test_two_bare_hosts_become_a_cluster(bare_module: Fleet) -> None:
    inventory = bare_module.inventory("server-1", "agent-1")
    done = bare_module.install(inventory)
    assert done.code == 0, done.all
    assert bare_module.nodes() == {"server-1": True, "agent-1": True}
    assert "nodes       kubectl --kubeconfig" in done.out


def test_the_kubeconfig_is_private_and_names_the_server(bare_module: Fleet) -> None:
    path = bare_module.work / "state" / "edgeboot" / "e2e" / "kubeconfig"
    if not path.exists():
        (path,) = (bare_module.work / "state" / "edgeboot").glob("*/kubeconfig")
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"https://{bare_module.lab.host('server-1').address}:6443" in path.read_text()


def test_the_second_plan_is_empty(bare_module: Fleet) -> None:
    done = bare_module.run("plan", "-i", bare_module.inventory("server-1", "agent-1"))
    assert done.code == 0, done.all
    assert "No changes" in done.out


def test_the_second_install_changes_and_restarts_nothing(bare_module: Fleet) -> None:
    before = stable(bare_module)
    done = bare_module.install(bare_module.inventory("server-1", "agent-1"))
    assert done.code == 0, done.all
    assert "No changes" in done.out
    assert stable(bare_module) == before


def test_a_changed_label_plans_that_node_only(bare_module: Fleet) -> None:
    inventory = bare_module.inventory("server-1", "agent-1", agent_1={"labels": {"zone": "a"}})
    done = bare_module.run("plan", "-i", inventory, "--output", "json")
    assert done.code == 10, done.all
    phases = json.loads(done.out)["phases"]
    assert {node for phase in phases for node in phase["nodes"]} == {"agent-1"}
    assert '+  - \\"zone=a\\"' in done.out
    done = bare_module.install(inventory)
    assert done.code == 0, done.all
    listed = bare_module.on("server-1", "k3s kubectl get node agent-1 -o json")
    assert json.loads(listed)["metadata"]["labels"]["zone"] == "a"


def test_an_added_agent_touches_no_other_host(bare_module: Fleet) -> None:
    inventory = bare_module.inventory(agent_1={"labels": {"zone": "a"}})
    before = stable(bare_module)
    done = bare_module.install(inventory)
    assert done.code == 0, done.all
    assert bare_module.nodes() == {"server-1": True, "agent-1": True, "agent-2": True}
    after = stable(bare_module)
    for node in ("server-1", "agent-1"):
        assert after[node] == before[node]


def test_the_manifest_of_the_bundle_is_applied(bare_module: Fleet) -> None:
    listed = bare_module.on(
        "server-1",
        "for i in $(seq 30); do"
        " k3s kubectl get configmap hello -n default -o json && break; sleep 1; done",
    )
    assert json.loads(listed)["data"]["text"] == "edgeboot"


def test_the_chart_of_the_bundle_is_installed(bare_module: Fleet, release: Path) -> None:
    """Install waited for it, so it is done the first time anybody looks."""
    if not has_charts(release):
        pytest.skip("this release has no image to install charts with")
    listed = bare_module.on(
        "server-1",
        "k3s kubectl get jobs -n kube-system -l helmcharts.helm.cattle.io/chart=hello -o json",
    )
    (job,) = json.loads(listed)["items"]
    assert job["status"]["succeeded"] == 1


def test_the_chart_has_the_values_and_namespace_of_the_bundle(
    bare_module: Fleet, release: Path
) -> None:
    if not has_charts(release):
        pytest.skip("this release has no image to install charts with")
    listed = bare_module.on("server-1", "k3s kubectl get helmchart hello -n kube-system -o json")
    asked = json.loads(listed)["spec"]
    assert (asked["targetNamespace"], asked["valuesContent"]) == ("greetings", "replicas: 2\n")
    secrets = bare_module.on("server-1", "k3s kubectl get secrets -n greetings -o name")
    assert "sh.helm.release.v1.hello.v1" in secrets


def test_verify_passes_and_measures(bare_module: Fleet) -> None:
    inventory = bare_module.inventory(agent_1={"labels": {"zone": "a"}})
    words = ("--window", "3", "--no-pods", "--output", "json")
    done = bare_module.run("verify", "-i", inventory, *words)
    assert done.code == 0, done.all
    found = json.loads(done.out)
    assert {check["outcome"] for check in found["checks"]} == {"passed"}
    for node in ("server-1", "agent-1", "agent-2"):
        figures = found["nodes"][node]["figures"]
        assert figures["memory"]["used"] > 1 << 20
        assert figures["disk"]["used"] > 1 << 20


def test_verify_names_what_was_broken(bare_module: Fleet) -> None:
    """A loose mode, a stopped service and a budget nobody can keep: each is named, exit code 1."""
    inventory = bare_module.inventory(
        agent_1={"labels": {"zone": "a"}, "budget": {"memory": "1MiB"}}
    )
    bare_module.on("agent-1", "chmod 0644 /etc/rancher/k3s/config.yaml")
    bare_module.on("agent-2", "systemctl stop k3s-agent")
    words = ("--window", "2", "--no-pods", "--output", "json")
    done = bare_module.run("verify", "-i", inventory, *words)
    checks = json.loads(done.out)["checks"]
    bad = {
        (c["node"], c["check"], c["subject"], c["outcome"])
        for c in checks
        if c["outcome"] != "passed"
    }
    assert done.code == 1
    assert ("agent-1", "file", "/etc/rancher/k3s/config.yaml", "failed") in bad
    assert ("agent-1", "budget", "memory", "failed") in bad
    assert ("agent-2", "service", "", "failed") in bad
    assert ("agent-2", "budget", "memory", "not measured") in bad
    assert not any(node == "server-1" for node, *_ in bad)


def test_install_mends_what_was_broken(bare_module: Fleet) -> None:
    inventory = bare_module.inventory(agent_1={"labels": {"zone": "a"}})
    done = bare_module.install(inventory)
    assert done.code == 0, done.all
    assert bare_module.nodes() == {"server-1": True, "agent-1": True, "agent-2": True}
    done = bare_module.run("plan", "-i", inventory)
    assert done.code == 0, done.all


def test_no_secret_is_readable_or_shown(bare_module: Fleet) -> None:
    token = bare_module.on("server-1", "cat /etc/rancher/k3s/edgeboot-token").strip()
    assert len(token) == 32
    for host in bare_module.lab.hosts:
        loose = bare_module.on(
            host.name,
            f"grep -rlsF {token} /etc /var/lib/edgeboot /tmp /run/systemd | "
            "xargs -r stat -c '%a %n' | grep -v '^600 '; journalctl -q | grep -F " + token,
        )
        assert loose == ""


def test_hosts_need_no_python(bare_module: Fleet) -> None:
    assert bare_module.on("agent-1", "command -v python3 python; true") == ""


@pytest.mark.skipif(bool(os.environ.get("K3S_RELEASE")), reason="a real K3s is no stand-in")
def test_the_standin_says_what_it_is(bare_module: Fleet) -> None:
    assert "not K3s" in bare_module.on("server-1", "k3s --version")
