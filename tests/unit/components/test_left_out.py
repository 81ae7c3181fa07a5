"""Nodes left out by --limit or --skip-unreachable change no file of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pytest

from edgeboot.components.context import Context
from edgeboot.components.roles import COMPONENTS, HOST, Component
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster, Role
from edgeboot.plan.diff import content_hash
from edgeboot.plan.resources import CreateOnly, File, Resource
from tests.support.contexts import TRAITS, context

INVENTORY = """\
cluster:
  name: edge
  datastore: etcd
  config: {embedded-registry: true, flannel-backend: wireguard-native}
  flannel: {mtu: 1380}
  proxy: {http: "http://192.0.2.1:3128", https: "http://192.0.2.1:3128", no-proxy: [.example]}
  coredns: {hosts: {nas.example: 192.0.2.5}}
  traefik: {http-port: 8080}
  containerd: {runtimes: {kata: {type: io.containerd.kata.v2}}}
  registries: {mirrors: {docker.io: {endpoint: ["https://192.0.2.9"]}}}
defaults: {firewall: open, swap: zram, time: {servers: [192.0.2.123]}}
nodes:
  - {name: server-1, address: 198.51.100.11, role: server, profiles: [lean, sd-card]}
  - {name: agent-1, address: 203.0.113.21, role: agent, profiles: [cis]}
  - {name: server-2, address: 192.0.2.12, role: server}
  - {name: agent-2, address: agent-2.example, role: agent}
  - {name: server-3, address: "2001:db8::13", role: server}
"""
NAMES = ("server-1", "agent-1", "server-2", "agent-2", "server-3")
TABLE = [
    pytest.param(role, component, id=f"{role}-{component.__module__.rpartition('.')[2]}.{name}")
    for role in Role
    for component in (*COMPONENTS[role], *HOST)
    if (name := getattr(component, "__name__", ""))
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    path = tmp_path_factory.mktemp("away") / "inventory.yml"
    path.write_text(INVENTORY)
    return load(path)


def contexts(cluster: Cluster, role: Role) -> Iterator[Context]:
    """Every node of a role, on a host where every component has something to do."""
    traits = replace(
        TRAITS, board="Raspberry Pi 4", wifi=("wlan0",), has=frozenset({"ufw", "iw", "chrony"})
    )
    for node in cluster.nodes:
        if node.role is role:
            yield replace(context(cluster, node), traits=traits)


def said(component: Component, context: Context) -> list[object]:
    def essence(resource: Resource) -> object:
        match resource:
            case File():
                return replace(resource, content=content_hash(resource.content))  # type: ignore[arg-type]
            case CreateOnly():
                return replace(resource, fresh=content_hash(resource.fresh))  # type: ignore[arg-type]
        return resource

    return [essence(resource) for resource in component(context)]


@pytest.mark.parametrize(("role", "component"), TABLE)
def test_a_component_says_the_same_whoever_is_away(
    cluster: Cluster, role: Role, component: Component
) -> None:
    for where in contexts(cluster, role):
        whole = said(component, where)
        others = [name for name in NAMES if name != where.node.name]
        for number in range(1, len(others) + 1):
            for away in combinations(others, number):
                if not cluster.without(away).servers:
                    continue  # no run begins without a server
                less = replace(where, cluster=cluster.without(away))
                assert said(component, less) == whole, f"{where.node.name} without {away}"


def test_the_nodes_of_the_inventory_stay_in_its_order(cluster: Cluster) -> None:
    less = cluster.without({"server-1"}).without({"agent-2"})
    assert [node.name for node in less.nodes] == ["agent-1", "server-2", "server-3"]
    assert [node.name for node in less.every_node] == list(NAMES)
    assert [node.name for node in less.every_server] == ["server-1", "server-2", "server-3"]
