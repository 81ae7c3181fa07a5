"""Which servers can be spared, stopped and added: from the state alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.errors import Unreachable
from edgeboot.inventory.model import Cluster, Datastore, DatastoreKind, Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.lifecycle.quorum import (
    can_spare,
    majority,
    members,
    servers_needed,
    spared,
    why_not_join,
    why_not_stop,
)
from edgeboot.lifecycle.selection import can_continue, without
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import NodeState, Status
from edgeboot.secret import Secret
from tests.support.contexts import TRAITS
from tests.support.small_cluster import BUNDLE

ETCD, SQLITE, EXTERNAL = DatastoreKind.ETCD, DatastoreKind.SQLITE, DatastoreKind.EXTERNAL
READY = NodeState("", ready=True, message="", version="", labels={}, voter=True)
DOWN = replace(READY, ready=False)
LEARNER = replace(READY, voter=False)
AGENT = replace(READY, voter=None)


def cluster(servers: int, kind: DatastoreKind = ETCD) -> Cluster:
    nodes = tuple(Node(f"s{n}", f"192.0.2.{n}", Role.SERVER) for n in range(1, servers + 1))
    return Cluster("edge", (*nodes, Node("a1", "192.0.2.9", Role.AGENT)), datastore=Datastore(kind))


def facts(*, up: bool = True) -> Facts:
    token = Secret(b"K10" + b"0" * 64 + b"::server:word") if up else None
    return Facts(TRAITS, {}, frozenset(), {}, (), "", token)


def state(
    whole: Cluster, up: int | None = None, seen: dict[str, NodeState] | None = None, by: str = "s1"
) -> ClusterState:
    """``up`` servers have been up; ``by`` sees the nodes ``seen``."""
    names = [server.name for server in whole.servers]
    all_up = len(names) if up is None else up
    found = {name: facts(up=number < all_up) for number, name in enumerate(names)}
    statuses = {}
    if seen is not None:
        nodes = {name: replace(node, name=name) for name, node in seen.items()}
        statuses[by] = Status("active", 0, {}, api_ready=True, nodes=nodes)
    return ClusterState(whole, BUNDLE, found, Secret(b""), statuses)


def test_a_majority_is_more_than_half() -> None:
    assert [majority(n) for n in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("kind", "needed"), [(SQLITE, [1]), (ETCD, [1, 2, 2, 3, 3]), (EXTERNAL, [1, 1, 1, 1, 1])]
)
def test_how_many_servers_a_datastore_needs(kind: DatastoreKind, needed: list[int]) -> None:
    counts = range(1, len(needed) + 1)
    assert [servers_needed(cluster(n, kind)) for n in counts] == needed
    assert [servers_needed(cluster(n, kind).without({"s2"})) for n in counts] == needed


@pytest.mark.parametrize(
    ("servers", "kind", "up", "away", "possible"),
    [
        (1, SQLITE, 1, {"a1"}, True),
        (1, SQLITE, 0, {"a1"}, True),
        (1, SQLITE, 1, {"s1"}, False),
        (1, ETCD, 1, {"s1"}, False),
        (2, ETCD, 2, {"s2"}, False),
        (3, ETCD, 3, {"s1"}, True),
        (3, ETCD, 3, {"s1", "a1"}, True),
        (3, ETCD, 3, {"s1", "s2"}, False),
        (3, ETCD, 2, {"s3"}, True),
        (3, ETCD, 2, {"s1"}, False),  # s3 has not been up
        (5, ETCD, 5, {"s4", "s5"}, True),
        (2, EXTERNAL, 2, {"s1"}, True),
        (2, EXTERNAL, 1, {"s1"}, False),
    ],
)
def test_who_can_be_spared(
    servers: int, kind: DatastoreKind, up: int, away: set[str], possible: bool
) -> None:
    now = state(cluster(servers, kind), up)
    assert can_spare(now, away) is possible
    rest = spared(now, away)
    assert (rest is not None) is possible
    if rest is not None:
        assert {node.name for node in rest.cluster.away} == away


def test_a_server_that_is_away_already_counts() -> None:
    now = state(cluster(3))
    assert not can_spare(replace(now, cluster=now.cluster.without({"s1"})), {"s2"})


@pytest.mark.parametrize(
    ("servers", "kind", "lost", "possible"),
    [
        (1, SQLITE, ("s1",), False),
        (1, SQLITE, ("a1",), True),
        (3, ETCD, ("s1",), True),
        (3, ETCD, ("s1", "s2"), False),
        (2, EXTERNAL, ("s1",), True),
        (2, EXTERNAL, ("s1", "s2"), False),
    ],
)
def test_who_can_be_left_out_from_the_start(
    servers: int, kind: DatastoreKind, lost: tuple[str, ...], possible: bool
) -> None:
    errors = {name: Unreachable("off", where=name) for name in lost}
    whole = cluster(servers, kind)
    assert can_continue(whole, lost) is possible
    if possible:
        assert {node.name for node in without(whole, errors).away} == set(lost)
    else:
        with pytest.raises(Unreachable, match="off") as caught:
            without(whole, errors)
        assert caught.value.where == "s1"


def test_members_are_what_the_first_answering_server_sees() -> None:
    seen = {"s1": READY, "s2": LEARNER, "a1": AGENT, "old": DOWN}
    now = state(cluster(2), seen=seen, by="s2")
    assert set(members(now) or ()) == {"s1", "s2", "old"}
    silent = replace(now.statuses["s2"], api_ready=False)
    assert members(now.with_status("s2", silent)) is None
    blind = replace(now.statuses["s2"], nodes=None)
    assert members(now.with_status("s2", blind)) is None
    assert members(now.without_statuses()) is None


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"s1": READY, "s2": READY, "s3": READY}, None),
        ({"s1": READY, "s2": READY, "s3": DOWN}, "2 of 3 servers must be up, and s3 is down"),
        ({"s1": READY, "s2": READY, "s3": LEARNER}, "2 of 3 servers must be up, and s3 is down"),
        ({"s1": DOWN, "s2": READY, "s3": DOWN}, None),  # it is not working anyway
        ({"s1": LEARNER, "s2": READY, "s3": DOWN}, None),
        ({"s2": READY, "s3": DOWN}, None),  # not a member
        ({"s1": READY, "s2": READY}, None),
        ({"s1": READY, "s2": DOWN}, "2 of 2 servers must be up, and s2 is down"),
        ({"s1": READY}, None),
        (
            {"s1": READY, "s2": READY, "s3": READY, "s4": DOWN},
            "3 of 4 servers must be up, and s4 is down",
        ),
        (
            {"s1": READY, "s2": READY, "s3": DOWN, "s4": DOWN},
            "3 of 4 servers must be up, and s3, s4 is down",
        ),
        ({"s1": READY, "s2": READY, "s3": READY, "s4": READY}, None),
        ({**dict.fromkeys(("s1", "s2", "s3", "s4"), READY), "s5": DOWN}, None),
    ],
)
def test_who_may_be_restarted(seen: dict[str, NodeState], reason: str | None) -> None:
    found = why_not_stop(state(cluster(4), seen=seen, by="s2"), "s1")
    assert (found is None) == (reason is None)
    assert reason is None or reason in (found or "")


def test_a_ready_server_whose_api_does_not_answer_is_down() -> None:
    now = state(cluster(3), seen={"s1": READY, "s2": READY, "s3": READY}, by="s1")
    assert why_not_stop(now, "s1") is None
    silent = Status("active", 0, {}, api_ready=False)
    assert "s3 is down" in (why_not_stop(now.with_status("s3", silent), "s1") or "")
    answers = replace(silent, api_ready=True)
    assert why_not_stop(now.with_status("s3", answers), "s1") is None


def test_nobody_can_stop_what_nobody_sees() -> None:
    assert why_not_stop(state(cluster(3)), "s1") is None


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (None, "no server's API answers"),
        ({"s1": READY, "s2": READY}, None),
        ({"s1": READY, "s2": READY, "s3": DOWN}, None),  # its own former member
        ({"s1": READY, "s2": DOWN}, "while s2 is down"),
        ({"s1": READY, "s2": LEARNER}, "while s2 is still joining"),
    ],
)
def test_when_a_new_server_may_join(seen: dict[str, NodeState] | None, reason: str | None) -> None:
    found = why_not_join(state(cluster(3), seen=seen), "s3")
    assert (found is None) == (reason is None)
    assert reason is None or reason in (found or "")
