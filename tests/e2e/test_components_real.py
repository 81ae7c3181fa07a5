"""Components on a real K3s, as far as its release carries the images they need. In order."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fleet import Fleet, build, has_charts, make_chart

pytestmark = [
    pytest.mark.usefixtures("bare_module"),
    pytest.mark.skipif(not os.environ.get("K3S_RELEASE"), reason="the stand-in runs no pods"),
]
_PATIENCE = 180.0  # seconds: CoreDNS sees a ConfigMap after up to two minutes
_OBJECT = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
    'data:\n  said: {{ .Values.said | default "nothing" | quote }}\n'
)


def image_of(release: Path, word: str) -> str | None:
    """The full name of an image of the release."""
    lines = (release / "k3s-images.txt").read_text().split()
    return next((line for line in lines if word in line), None)


@pytest.fixture(scope="module")
def bundles(
    bare_module: Fleet, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """``full`` with a chart and ``lean`` without."""
    more = ""
    if has_charts(release):
        chart = make_chart(tmp_path_factory.mktemp("charts"), "greeting")
        (chart / "templates" / "object.yaml").write_text(_OBJECT)
        more = f"charts:\n  - path: {chart}\n    namespace: greetings\n"
    return {
        "full": build(bare_module, release, "full", more),
        "lean": build(bare_module, release, "lean", ""),
    }


def inventory(fleet: Fleet, bundle: Path, sections: dict[str, Any], release: Path) -> Path:
    path = fleet.inventory("server-1")
    document = yaml.safe_load(path.read_text())
    document["bundle"] = str(bundle)
    off = document["cluster"].setdefault("config", {}).get("disable", [])
    if image_of(release, "traefik"):
        off = [name for name in off if name not in {"traefik", "servicelb"}]
    document["cluster"]["config"]["disable"] = off
    document["cluster"].update(sections)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def sections_of(release: Path, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "containerd": {"runtimes": {"plain": {"type": "io.containerd.runc.v2"}}},
        "registries": {"mirrors": {"docker.io": {"endpoint": ["https://192.0.2.9:5000"]}}},
        "audit": True,
        "secrets-encryption": True,
        "flannel": {"mtu": 1400},
    }
    if image_of(release, "coredns"):
        found["coredns"] = {"hosts": {"nas.site": "192.0.2.5"}, "overrides": {"log": "log"}}
    if image_of(release, "traefik"):
        found["traefik"] = {"http-port": 8080, "https-port": 8443, "access-log": True}
    return {**found, **more}


def kubectl(fleet: Fleet, words: str) -> str:
    return fleet.on("server-1", f"k3s kubectl {words}", timeout=90)


def wait_for(look: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > until:
            return False
        time.sleep(3)
    return True


def test_everything_at_once_becomes_a_cluster(
    bare_module: Fleet, bundles: dict[str, Path], release: Path
) -> None:
    path = inventory(bare_module, bundles["full"], sections_of(release), release)
    done = bare_module.install(path)
    assert done.code == 0, done.all
    shown = bare_module.run("plan", "-i", path)
    assert shown.code == 0, shown.all


def test_containerd_knows_the_runtime(bare_module: Fleet) -> None:
    said = bare_module.on("server-1", "k3s crictl info")
    assert '"plain"' in said


def test_flannel_has_the_mtu(bare_module: Fleet) -> None:
    said = bare_module.on(
        "server-1", "cat /sys/class/net/flannel.1/mtu || cat /run/flannel/subnet.env"
    )
    assert "1350" in said  # vxlan's headers are 50 bytes


def test_the_api_logs_and_encrypts(bare_module: Fleet) -> None:
    size = bare_module.on("server-1", "stat -c %s /var/lib/rancher/k3s/server/logs/audit.log")
    assert int(size) > 0
    assert "Enabled" in bare_module.on("server-1", "k3s secrets-encrypt status")


def test_a_custom_host_resolves(bare_module: Fleet, release: Path) -> None:
    image = image_of(release, "busybox")
    if image is None or image_of(release, "coredns") is None:
        pytest.skip("this release has no image of CoreDNS or BusyBox")
    run = f"run ask-{{}} --image={image} --image-pull-policy=Never --restart=Never --rm -i"
    names = itertools.count()

    def resolves() -> bool:
        words = f"{run.format(next(names))} --quiet --command -- nslookup nas.site 10.43.0.10 2>&1"
        return "192.0.2.5" in kubectl(bare_module, words)

    assert wait_for(resolves), kubectl(bare_module, "logs -n kube-system -l k8s-app=kube-dns")


def test_traefik_has_its_ports(bare_module: Fleet, release: Path) -> None:
    if image_of(release, "traefik") is None or not has_charts(release):
        pytest.skip("this release has no Traefik")

    def has_ports() -> bool:
        text = kubectl(bare_module, "get service traefik -n kube-system -o json 2>/dev/null")
        ports = json.loads(text)["spec"]["ports"] if text.strip() else []
        return {port["port"] for port in ports} >= {8080, 8443}

    assert wait_for(has_ports), kubectl(bare_module, "get helmcharts,jobs,pods -A")


def test_a_preloaded_chart_is_deployed_changed_and_removed(
    bare_module: Fleet, bundles: dict[str, Path], release: Path
) -> None:
    if not has_charts(release):
        pytest.skip("this release has no image to install charts with")
    read = "get configmap greeting -n greetings --ignore-not-found -o jsonpath={.data.said}"
    assert kubectl(bare_module, read) == "nothing"
    charts = [{"name": "greeting", "values": {"said": "hello"}}]
    path = inventory(bare_module, bundles["full"], sections_of(release, charts=charts), release)
    done = bare_module.install(path)
    assert done.code == 0, done.all
    assert kubectl(bare_module, read) == "hello"
    path = inventory(bare_module, bundles["lean"], sections_of(release), release)
    done = bare_module.install(path)
    assert done.code == 0, done.all
    assert kubectl(bare_module, read) == ""
    assert "greeting" not in kubectl(bare_module, "get helmcharts,addons -A")
