"""Charts in order, what is wanted no more, CoreDNS's replicas, and another flannel backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.bundle.format.contents import Item, Role
from edgeboot.engine.fleet import FleetError
from edgeboot.events import silent
from edgeboot.inventory.cluster import Components
from edgeboot.inventory.cluster.charts import ChartSetting
from edgeboot.inventory.cluster.coredns import CoreDns
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.cluster_state import BundleView
from edgeboot.lifecycle.install.run import install, make_plan
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.plan import Plan
from edgeboot.transport.fake.host import FakeHost
from tests.support.small_cluster import BUNDLE, CHART, CLUSTER, CONTENTS, blob, hosts

CHANGE = InstallOptions(allowed=frozenset({"preflight.flannel-change"}))


def bundle(*charts: str, manifests: tuple[str, ...] = ()) -> BundleView:
    items = [item for item in CONTENTS.items if item.role is Role.K3S_BINARY]
    items += [Item(Role.CHART, name, blob(CHART), version="1.0.0") for name in charts]
    items += [Item(Role.MANIFEST, name, blob(CHART)) for name in manifests]
    return replace(BUNDLE, contents=replace(CONTENTS, items=tuple(items)))


def run(
    fakes: dict[str, FakeHost],
    given: BundleView,
    cluster: Cluster = CLUSTER,
    options: InstallOptions = CHANGE,
) -> Plan:
    try:
        return install(
            cluster,
            given,
            fakes,
            confirm=lambda _plan: True,
            tell=silent,
            patience=0.0,
            options=options,
        ).plan
    finally:
        for fake in fakes.values():
            fake.close()


def said(plan: Plan, phase: str) -> list[str]:
    (found,) = (p for p in plan.phases if p.name == phase)
    return [step.describe() for steps in found.steps.values() for step in steps]


def with_components(components: Components, **config: str) -> Cluster:
    return replace(CLUSTER, components=components, config=config)


def test_charts_are_installed_one_after_the_other_in_the_inventorys_order() -> None:
    settings = (ChartSetting("net", timeout=30), ChartSetting("web"))
    cluster = with_components(Components(charts=settings))
    plan = run(hosts(), bundle("web", "net", "last"), cluster)
    assert said(plan, "charts") == [
        "write /var/lib/rancher/k3s/server/manifests/edgeboot-chart-net.json (0600)",
        "wait until chart net is installed",
        "write /var/lib/rancher/k3s/server/manifests/edgeboot-chart-web.json (0600)",
        "wait until chart web is installed",
        "write /var/lib/rancher/k3s/server/manifests/edgeboot-chart-last.json (0600)",
        "wait until chart last is installed",
    ]


def test_a_changed_chart_waits_for_the_one_before_it_and_starts_nothing() -> None:
    fakes = hosts()
    run(fakes, bundle("net", "web"))
    starts = [fake.starts for fake in fakes.values()]
    web = ChartSetting("web", values={"replicas": 3})
    cluster = with_components(Components(charts=(ChartSetting("net"), web)))
    plan = run(fakes, bundle("net", "web"), cluster)
    assert [step.describe() for _, step in plan.steps] == [
        "wait until chart net is installed",
        "change /var/lib/rancher/k3s/server/manifests/edgeboot-chart-web.json (0600)",
        "wait until chart web is installed",
    ]
    assert [fake.starts for fake in fakes.values()] == starts
    assert run(fakes, bundle("net", "web"), cluster).empty


def test_what_is_wanted_no_more_is_withdrawn_before_its_file_goes_last_first() -> None:
    fakes = hosts()
    run(fakes, bundle("net", "web", manifests=("hello.yaml",)))
    plan = run(fakes, bundle("net"))
    web = "/var/lib/rancher/k3s/server/manifests/edgeboot-chart-web.json"
    assert [line for line in said(plan, "former charts") if "static" not in line] == [
        "remove from the cluster what hello.yaml brought; namespaces, volumes and CRDs stay",
        "remove /var/lib/rancher/k3s/server/manifests/hello.yaml",
        "uninstall the release web; its namespace and volumes stay",
        f"remove {web}",
    ]
    asked = fakes["server-1"].cluster.asked
    assert [words[1] for words in asked if words[0] == "withdraw"] == [
        "hello",
        "edgeboot-chart-web",
    ]
    assert web not in fakes["server-1"].files
    assert run(fakes, bundle("net")).empty


def test_one_more_image_is_sent_and_restarts_nothing() -> None:
    fakes = hosts()
    run(fakes, bundle())
    starts = [fake.starts for fake in fakes.values()]
    more = replace(CONTENTS.archives[0], name="more", blob=blob(CHART))
    contents = replace(bundle().contents, archives=(*CONTENTS.archives, more))
    plan = run(fakes, replace(BUNDLE, contents=contents))
    assert {step.describe().partition(" (")[0] for _, step in plan.steps} == {
        f"upload /var/lib/rancher/k3s/agent/images/{more.file_name}"
    }
    assert [fake.starts for fake in fakes.values()] == starts


def test_replicas_are_asked_for_once_and_taken_back() -> None:
    fakes = hosts()
    cluster = with_components(Components(coredns=CoreDns(replicas=2)))
    assert "run 2 CoreDNS pods" in said(run(fakes, bundle(), cluster), "name service")
    assert run(fakes, bundle(), cluster).empty
    assert "run 1 CoreDNS pod" in said(run(fakes, bundle()), "name service")
    assert [words[1:] for words in fakes["server-1"].cluster.asked] == [
        ("kube-system", "coredns", "2"),
        ("kube-system", "coredns", "1"),
    ]


def test_another_backend_needs_to_be_allowed() -> None:
    fakes = hosts()
    run(fakes, bundle())
    other = with_components(Components(), **{"flannel-backend": "host-gw"})
    with pytest.raises(FleetError, match="from vxlan to host-gw"):
        run(fakes, bundle(), other, InstallOptions())


def test_another_backend_starts_the_server_anew_and_boots_all_hosts_servers_first() -> None:
    fakes = hosts()
    run(fakes, bundle())
    boots = {name: fake.board.boot_id for name, fake in fakes.items()}
    other = with_components(Components(), **{"flannel-backend": "wireguard-native"})
    plan = run(fakes, bundle(), other)
    reason = "flannel backend vxlan becomes wireguard-native"
    order = [
        (node, step.describe())
        for node, step in plan.steps
        if "reboot" in step.describe() or "start" in step.describe()
    ]
    assert order == [
        ("server-1", "start k3s.service (what it is started with has changed)"),
        *((name, f"reboot ({reason})") for name in ("server-1", "agent-1", "agent-2")),
    ]
    assert all(fake.board.boot_id != boots[name] for name, fake in fakes.items())
    assert make_plan(other, bundle(), fakes).empty


def test_a_reboot_that_did_not_come_about_is_due_in_the_next_run() -> None:
    fakes = hosts()
    run(fakes, bundle())
    other = with_components(Components(), **{"flannel-backend": "wireguard-native"})
    run(fakes, bundle(), other)
    fake = fakes["agent-1"]
    record = fake.files["/var/lib/edgeboot/flannel-backend"]
    record.data = f"wireguard-native {fake.board.boot_id}\n".encode()
    plan = make_plan(other, bundle(), fakes)
    assert [(node, step.describe()) for node, step in plan.steps] == [
        ("agent-1", "reboot (flannel backend has become wireguard-native)")
    ]
