"""What --limit and --skip-unreachable leave out changes nothing on the hosts that take part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.inventory.cluster.proxy import Proxy
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.lifecycle.selection import limited, without
from edgeboot.transport.fake.host import FakeHost
from tests.support.several_servers import CLUSTER, NAMES, hosts, run
from tests.support.small_cluster import BUNDLE

PROXIED = replace(
    CLUSTER,
    components=replace(CLUSTER.components, proxy=Proxy(http="http://192.0.2.1:3128")),
    nodes=tuple(
        replace(node, address=f"198.51.{100 + number}.1")
        for number, node in enumerate(CLUSTER.nodes)
    ),
)


@pytest.fixture(scope="module")
def installed() -> dict[str, FakeHost]:
    fakes = hosts()
    run(fakes, PROXIED)
    return fakes


def changes(fakes: dict[str, FakeHost], cluster: Cluster) -> list[str]:
    used = {node.name: fakes[node.name] for node in cluster.nodes}
    found = make_plan(cluster, BUNDLE, used)
    return [f"{name}: {step.describe()}" for name, step in found.steps]


@pytest.mark.parametrize("name", NAMES)
def test_a_host_that_is_off_changes_nothing_on_the_others(
    installed: dict[str, FakeHost], name: str
) -> None:
    lost = {name: RuntimeError("off")}
    assert changes(installed, without(PROXIED, lost)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_changes_nothing_on_the_hosts_it_names(
    installed: dict[str, FakeHost], name: str
) -> None:
    assert changes(installed, limited(PROXIED, [name]).cluster) == []
