"""What verify compares a cluster with, by its inventory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.inventory.cluster.traefik import Traefik
from edgeboot.inventory.model import Cluster, ConfigValue, Datastore, DatastoreKind
from edgeboot.lifecycle.expectations import cluster_expectation, expectations
from edgeboot.secret import Secret
from tests.support.several_servers import CLUSTER as SEVERAL
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts, run

EXTERNAL = Datastore(DatastoreKind.EXTERNAL, Secret(b"postgres://192.0.2.5/k3s"))


@pytest.mark.parametrize(
    ("cluster", "datastore", "etcd"),
    [
        (CLUSTER, Datastore(), False),
        (CLUSTER, Datastore(DatastoreKind.ETCD), True),
        (CLUSTER, EXTERNAL, False),
        (SEVERAL, Datastore(DatastoreKind.ETCD), True),
        (SEVERAL, EXTERNAL, False),
    ],
)
def test_votes_are_checked_where_the_servers_have_etcd(
    cluster: Cluster, datastore: Datastore, etcd: bool
) -> None:
    assert cluster_expectation(replace(cluster, datastore=datastore), BUNDLE).etcd is etcd


def test_a_server_that_is_left_out_changes_nothing() -> None:
    cluster = replace(SEVERAL, config={"cluster-domain": "site.example"})
    first = replace(cluster.nodes[0], config={"disable": ("coredns", "traefik")})
    cluster = replace(cluster, nodes=(first, *cluster.nodes[1:]))
    whole = cluster_expectation(cluster, BUNDLE)
    assert (whole.coredns, whole.ingress, whole.domain) == (False, (), "site.example")
    assert cluster_expectation(cluster.without({"server-1"}), BUNDLE) == whole


@pytest.mark.parametrize(
    ("config", "traefik", "ingress"),
    [
        ({}, Traefik(), (80, 443)),
        ({"disable": ("traefik",)}, Traefik(), ()),
        ({"disable": ("servicelb",)}, Traefik(), ()),
        ({"disable": ("servicelb",)}, Traefik(expose="host-network"), (80, 443)),
        ({}, Traefik(expose="cluster-ip"), ()),
        ({}, Traefik(http_port=8080), (8080, 443)),
    ],
)
def test_the_ingress_is_checked_where_it_answers(
    config: dict[str, ConfigValue], traefik: Traefik, ingress: tuple[int, ...]
) -> None:
    cluster = replace(CLUSTER, config=config)
    cluster = replace(cluster, components=replace(cluster.components, traefik=traefik))
    assert cluster_expectation(cluster, BUNDLE).ingress == ingress


def test_an_installed_host_is_what_it_should_be() -> None:
    fakes = hosts()
    run(fakes)
    found = {one.node: one for one in expectations(CLUSTER, BUNDLE, fakes)}
    assert list(found) == ["server-1", "agent-1", "agent-2"]
    for name, expected in found.items():
        there = fakes[name].files
        assert expected.pending == ""
        assert {f.path for f in expected.files} <= there.keys()
        assert all(there[f.path].mode == f.mode for f in expected.files)
