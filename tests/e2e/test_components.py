"""The cluster's components on lab hosts: set up, changed, taken away. In order.

The stand-in is the referee: it refuses to start with what K3s or containerd would refuse.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import Done
from tests.support.fleet import Fleet, build, make_chart

pytestmark = [
    pytest.mark.usefixtures("bare_module"),
    pytest.mark.skipif(bool(os.environ.get("K3S_RELEASE")), reason="test_components_real.py"),
]

NODES = ("server-1", "agent-1")
PASSWORD = "hunter2-of-the-registry"
SECTIONS: dict[str, Any] = {
    "containerd": {"runtimes": {"youki": {"binary": "/usr/local/bin/youki"}}},
    "registries": {
        "mirrors": {"docker.io": {"endpoint": ["https://registry.site:5000"]}},
        "configs": {
            "registry.site:5000": {
                "auth": {"username": "edge", "password": {"file": "registry-password"}},
                "tls": {"ca-file": "ca.pem"},
            }
        },
    },
    "embedded-registry": ["docker.io"],
    "flannel": {"mtu": 1400},
    "coredns": {"hosts": {"nas.site": "192.0.2.5"}, "forward": ["192.0.2.1"], "replicas": 2},
    "traefik": {
        "http-port": 8080,
        "https-port": 8443,
        "tls": {"cert-file": "ingress.crt", "key-file": "ingress.key"},
    },
    "charts": [{"name": "first"}, {"name": "hello", "values": {"replicas": 3}, "timeout": 90}],
    "proxy": {"https": {"file": "proxy-url"}},
    "secrets-encryption": True,
    "audit": True,
}


@pytest.fixture(scope="module")
def bundles(bare_module: Fleet, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``full``: two charts and a manifest; ``lean``: none of them."""
    made = tmp_path_factory.mktemp("charts")
    charts = [make_chart(made, name) for name in ("hello", "first")]
    (bare_module.work / "site.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Namespace, metadata: {name: site}}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: site, namespace: site}}\n"
    )
    listed = "".join(f"  - path: {chart}\n" for chart in charts)
    return {
        "full": build(
            bare_module, release, "full", f"charts:\n{listed}manifests:\n  - site.yaml\n"
        ),
        "lean": build(bare_module, release, "lean", ""),
    }


@pytest.fixture(scope="module")
def secrets(bare_module: Fleet) -> None:
    """The files that the inventory points to."""
    work = bare_module.work
    made = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=site")
    files = ("-keyout", work / "ingress.key", "-out", work / "ingress.crt")
    subprocess.run(["openssl", "req", *made, *files], check=True, capture_output=True, timeout=60)
    (work / "ca.pem").write_text((work / "ingress.crt").read_text())
    (work / "registry-password").write_text(f"{PASSWORD}\n")
    (work / "proxy-url").write_text(f"http://edge:{PASSWORD}@192.0.2.9:3128\n")
    for name in ("ingress.key", "registry-password", "proxy-url"):
        (work / name).chmod(0o600)


def inventory(
    fleet: Fleet, bundle: Path, sections: dict[str, Any], profiles: tuple[str, ...] = ("cis",)
) -> Path:
    path = fleet.inventory(*NODES)
    document = yaml.safe_load(path.read_text())
    document["bundle"] = str(bundle)
    document["cluster"].get("config", {}).pop("disable", None)
    document["cluster"].update(sections)
    document["defaults"]["profiles"] = list(profiles)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def plan(fleet: Fleet, path: Path, *words: str) -> dict[str, list[str]]:
    done = fleet.run("plan", "-i", path, "--output", "json", *words)
    assert done.code in {0, 10}, done.all
    steps: dict[str, list[str]] = {}
    for phase in json.loads(done.out)["phases"]:
        for node, some in phase["nodes"].items():
            steps.setdefault(node, []).extend(step["text"] for step in some)
    return steps


def got(fleet: Fleet, words: str) -> dict[str, Any]:
    text = fleet.on("server-1", f"k3s kubectl get {words} --ignore-not-found -o json")
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found


def started(fleet: Fleet) -> list[str]:
    """When the services were started: nothing restarted them where this stays."""
    show = "systemctl show {} -p ExecMainStartTimestampMonotonic"
    units = ("k3s", "k3s-agent")
    return [fleet.on(node, show.format(unit)) for node, unit in zip(NODES, units, strict=True)]


@pytest.mark.usefixtures("secrets")
def test_everything_at_once_becomes_a_cluster(bare_module: Fleet, bundles: Any) -> None:
    path = inventory(bare_module, bundles["full"], SECTIONS)
    done = bare_module.install(path)
    assert done.code == 0, done.all
    assert PASSWORD not in done.all
    order = re.findall(r"wait until chart (\w+) is installed", done.out + done.err)
    assert list(dict.fromkeys(order)) == ["first", "hello"]
    shown = bare_module.run("plan", "-i", path, "--output", "json")
    assert shown.code == 0, shown.all


def test_secrets_are_in_files_that_only_root_may_read(bare_module: Fleet) -> None:
    for node in NODES:
        loose = bare_module.on(
            node,
            f"grep -rlsF {PASSWORD} /etc /var/lib/edgeboot /var/lib/rancher /tmp /run/systemd | "
            "xargs -r stat -c '%a %n' | grep -v '^600 '; journalctl -q | grep -F " + PASSWORD,
        )
        assert loose == ""
        modes = bare_module.on(node, "stat -c '%a %n' /etc/rancher/k3s/registries.yaml")
        assert modes.startswith("600 ")


def test_the_service_has_the_proxy_in_its_environment(bare_module: Fleet) -> None:
    for node, unit in zip(NODES, ("k3s", "k3s-agent"), strict=True):
        said = bare_module.on(
            node,
            f"tr '\\0' '\\n' </proc/$(systemctl show {unit} -p MainPID --value)/environ",
        )
        assert f"HTTPS_PROXY=http://edge:{PASSWORD}@192.0.2.9:3128" in said
        assert "10.42.0.0/16" in said


def test_containerd_imports_the_runtime_and_pods_can_ask_for_it(bare_module: Fleet) -> None:
    said = bare_module.on("agent-1", "journalctl -q -u k3s-agent | grep 'containerd imports'")
    assert "config-v3.toml.d/50-edgeboot.toml" in said
    assert got(bare_module, "runtimeclass youki")["handler"] == "youki"


def test_coredns_takes_what_it_is_given(bare_module: Fleet) -> None:
    data = got(bare_module, "configmap coredns-custom -n kube-system")["data"]
    assert "192.0.2.5 nas.site" in data["edgeboot-hosts.server"]
    assert data["edgeboot.override"] == "forward . 192.0.2.1\n"
    journal = bare_module.on("server-1", "journalctl -q -u k3s | grep -F 'coredns:'")
    assert "reloaded with coredns-custom" in journal
    assert "plugin/reload" not in journal
    assert got(bare_module, "deployment coredns -n kube-system")["spec"]["replicas"] == 2


def test_traefik_has_its_ports_and_certificate(bare_module: Fleet) -> None:
    ports = got(bare_module, "service traefik -n kube-system")["spec"]["ports"]
    assert [port["port"] for port in ports] == [8080, 8443]
    secret = got(bare_module, "secret edgeboot-default-certificate -n kube-system")
    assert secret["type"] == "kubernetes.io/tls"


def test_the_api_logs_who_did_what(bare_module: Fleet) -> None:
    listed = bare_module.on("server-1", "stat -c '%a' /var/lib/rancher/k3s/server/logs")
    assert listed.strip() == "700"
    bare_module.on("server-1", "test -s /var/lib/rancher/k3s/server/logs/audit.log && echo there")


def test_changed_values_are_exactly_these_steps_and_restart_nothing(
    bare_module: Fleet, bundles: Any
) -> None:
    before = started(bare_module)
    other = {**SECTIONS, "charts": [{"name": "first"}, {"name": "hello", "values": {"a": 1}}]}
    other["coredns"] = {**SECTIONS["coredns"], "hosts": {"nas.site": "192.0.2.6"}}
    path = inventory(bare_module, bundles["full"], other)
    below = "/var/lib/rancher/k3s/server/manifests"
    assert plan(bare_module, path) == {
        "server-1": [
            f"change {below}/edgeboot-coredns.json (0600)",
            "wait until chart first is installed",
            f"change {below}/edgeboot-chart-hello.json (0600)",
            "wait until chart hello is installed",
        ]
    }
    done = bare_module.install(path)
    assert done.code == 0, done.all
    assert got(bare_module, "helmchart hello -n kube-system")["spec"]["valuesContent"] == "a: 1\n"
    assert started(bare_module) == before


def test_a_failed_charts_log_is_in_the_error(bare_module: Fleet, bundles: Any) -> None:
    broken = {"name": "hello", "values": {"fail": "no such thing"}, "timeout": 20}
    path = inventory(
        bare_module, bundles["full"], {**SECTIONS, "charts": [{"name": "first"}, broken]}
    )
    done = bare_module.install(path)
    assert done.code == 4, done.all
    assert "wait until chart hello is installed: not installed after 20 s" in done.err
    assert "INSTALLATION FAILED: execution error" in done.err
    assert "no such thing" in done.err


def test_traefiks_own_words_are_in_the_error_too(bare_module: Fleet, bundles: Any) -> None:
    """Its chart is K3s's, so nobody waits for it but the last gate."""
    bad = {**SECTIONS, "traefik": {"values": {"prots": {}}}}
    done = bare_module.run(
        "install", "-i", inventory(bare_module, bundles["full"], bad), "--yes", "--timeout", "20"
    )
    assert done.code == 4, done.all
    assert "additional properties 'prots' not allowed" in done.err


def test_what_is_wanted_no_more_goes(bare_module: Fleet, bundles: Any) -> None:
    sections = {k: v for k, v in SECTIONS.items() if k not in {"charts", "traefik", "coredns"}}
    path = inventory(bare_module, bundles["lean"], {**sections, "traefik": False})
    done = bare_module.install(path)
    assert done.code == 0, done.all
    assert got(bare_module, "helmchart hello -n kube-system") == {}
    assert got(bare_module, "configmap site -n site") == {}
    assert got(bare_module, "configmap coredns-custom -n kube-system") == {}
    assert got(bare_module, "namespace site")["metadata"]["name"] == "site"  # data hangs on it
    assert got(bare_module, "addon site -n kube-system") == {}
    left = bare_module.on("server-1", "ls /var/lib/rancher/k3s/server/manifests")
    assert "edgeboot-chart" not in left
    releases = bare_module.on("server-1", "k3s kubectl get secrets -A -o name | grep helm.release")
    assert "hello" not in releases
    shown = bare_module.run("plan", "-i", path)
    assert shown.code == 0, shown.all


def test_another_flannel_backend_is_refused_and_explained(bare_module: Fleet, bundles: Any) -> None:
    done = refused(bare_module, bundles["lean"], {"flannel": {"backend": "host-gw"}})
    assert "from vxlan to host-gw" in done.err
    assert "every host reboots, servers first" in done.err


def refused(fleet: Fleet, bundle: Path, more: dict[str, Any]) -> Done:
    sections = {k: v for k, v in SECTIONS.items() if k in {"secrets-encryption", "audit"}}
    path = inventory(fleet, bundle, {**sections, "traefik": False, **more}, profiles=())
    done = fleet.run("plan", "-i", path)
    assert done.code == 5, done.all
    return done


def test_encryption_cannot_be_taken_back(bare_module: Fleet, bundles: Any) -> None:
    done = refused(bare_module, bundles["lean"], {"secrets-encryption": False})
    assert "cannot change on an existing cluster" in done.err


def test_another_flannel_backend_boots_every_host_when_it_is_allowed(
    bare_module: Fleet, bundles: Any
) -> None:
    more = {"flannel": {"backend": "host-gw"}, "traefik": False}
    sections = {k: v for k, v in SECTIONS.items() if k in {"secrets-encryption", "audit"}}
    path = inventory(bare_module, bundles["lean"], {**sections, **more})
    boots = [
        bare_module.on(node, "cat /proc/sys/kernel/random/boot_id; uptime -s") for node in NODES
    ]
    done = bare_module.install(path, "--allow", "preflight.flannel-change")
    assert done.code == 0, done.all
    assert bare_module.nodes() == {"server-1": True, "agent-1": True}
    now = [bare_module.on(node, "cat /proc/sys/kernel/random/boot_id; uptime -s") for node in NODES]
    assert all(before != after for before, after in zip(boots, now, strict=True))
    for node in NODES:
        gone = bare_module.on(node, "ls /etc/rancher/k3s/registries.yaml /etc/rancher/k3s/edgeboot")
        assert "registries" not in gone
    shown = bare_module.run("plan", "-i", path)
    assert shown.code == 0, shown.all
