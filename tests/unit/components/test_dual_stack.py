"""A cluster of IPv4 and IPv6: both addresses of a node go where one goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.components.host.firewall import openings
from edgeboot.components.k3s.base import config_of
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster

INVENTORY = """\
cluster:
  name: edge
  config:
    cluster-cidr: [10.42.0.0/16, "fd42::/48"]
    service-cidr: [10.43.0.0/16, "fd43::/112"]
nodes:
  - {name: s, address: 192.0.2.11, role: server, node-ip: NODE_IP}
  - name: a-[1-2]
    address: 192.0.2.[21-22]
    role: agent
    node-ip: ["192.0.2.[21-22]", "2001:db8::[21-22]"]
"""


@pytest.fixture(params=['[192.0.2.11, "2001:db8::11"]', '"192.0.2.11,2001:db8::11"'])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Cluster:
    path = tmp_path / "inventory.yml"
    path.write_text(INVENTORY.replace("NODE_IP", request.param))
    return load(path)


def test_k3s_gets_both(cluster: Cluster) -> None:
    found = [config_of(cluster, node)["node-ip"] for node in cluster.nodes]
    assert found == [
        ("192.0.2.11", "2001:db8::11"),
        ("192.0.2.21", "2001:db8::21"),
        ("192.0.2.22", "2001:db8::22"),
    ]
    assert config_of(cluster, cluster.nodes[1])["server"] == "https://192.0.2.11:6443"


def test_the_firewall_is_open_to_both(cluster: Cluster) -> None:
    sources = {one.source for one in openings(cluster, cluster.nodes[0])}
    assert {"192.0.2.21", "2001:db8::21", "192.0.2.22", "2001:db8::22"} <= sources
