"""One server of several goes: out of etcd first, and only while the others can agree."""

from __future__ import annotations

import pytest

from edgeboot.errors import Refused
from edgeboot.events import silent
from edgeboot.lifecycle.reset import chosen, involved, make_plan, reset
from edgeboot.transport.fake.host import FakeHost
from tests.support.several_servers import CLUSTER, NAMES, config, hosts
from tests.support.several_servers import run as install
from tests.support.small_cluster import is_bare


def installed() -> dict[str, FakeHost]:
    fakes = hosts()
    install(fakes)
    return fakes


def run(fakes: dict[str, FakeHost], *limit: str) -> bool:
    nodes = chosen(CLUSTER, limit)
    used = {node.name: fakes[node.name] for node in involved(CLUSTER, nodes)}
    try:
        return reset(
            CLUSTER, nodes, used, foreign=False, confirm=lambda _reset_plan: True, tell=silent
        )
    finally:
        for fake in used.values():
            fake.close()


@pytest.mark.parametrize("name", ["server-1", "server-3"])
def test_a_server_leaves_etcd_before_its_host_is_cleared(name: str) -> None:
    fakes = installed()
    nodes = chosen(CLUSTER, [name])
    phases = make_plan(CLUSTER, nodes, fakes, foreign=False).plan.phases
    stays = "server-2" if name == "server-1" else "server-1"
    assert [(p.name, set(p.steps)) for p in phases if p.steps] == [
        ("cluster", {stays}),
        ("servers", {name}),
    ]
    assert run(fakes, name)
    assert is_bare(fakes[name])
    assert set(fakes[stays].cluster.joined) == set(NAMES) - {name}


def test_it_can_come_back_and_joins_those_that_stayed() -> None:
    fakes = installed()
    run(fakes, "server-1")
    install(fakes)
    assert set(fakes["server-2"].cluster.joined) == set(NAMES)
    assert "cluster-init" not in config(fakes, "server-1")


def test_no_server_goes_where_those_that_stay_would_have_no_quorum() -> None:
    fakes = installed()
    shared = fakes["server-1"].cluster
    shared.joined["server-2"].ready = False
    with pytest.raises(Refused, match="would lose its quorum: server-2 is down"):
        run(fakes, "server-3")
    assert set(shared.joined) == set(NAMES)
    assert fakes["server-3"].units == {"k3s": "active"}


def test_no_server_goes_where_no_other_answers() -> None:
    fakes = installed()
    for name in ("server-1", "server-2"):
        fakes[name].units["k3s"] = "inactive"
    with pytest.raises(Refused, match="no remaining server answers"):
        run(fakes, "server-3")


def test_one_server_has_to_stay_where_anything_does() -> None:
    with pytest.raises(Refused, match="last server"):
        chosen(CLUSTER, ["server-1", "server-2", "server-3"])
    assert len(chosen(CLUSTER, ["server-1", "server-2"])) == 2
