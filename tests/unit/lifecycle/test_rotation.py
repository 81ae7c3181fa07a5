"""Another token for the servers: planned, cut off anywhere, finished without being asked again."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused
from edgeboot.inventory.model import Cluster, Datastore, DatastoreKind
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.lifecycle.tokens import password_of
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.steps import Run, Write
from edgeboot.report.plan import plan_json, plan_lines
from edgeboot.secret import Secret
from edgeboot.transport.fake.cluster import FakeNode, full_token
from edgeboot.transport.fake.host import FakeHost, Fault
from tests.support.several_servers import (
    AGENT_TOKEN,
    CLUSTER,
    CONFIG,
    ETCD,
    NAMES,
    TOKEN,
    hosts,
    impatient,
    inventory,
    run,
    starts,
    unreachable,
)
from tests.support.small_cluster import BUNDLE

CA = "/var/lib/rancher/k3s/agent/server-ca.crt"
FORMER = "/var/lib/edgeboot/former-server-tokens"
SERVERS = NAMES[:3]
ALONE = replace(inventory("server-1", "agent-1"), datastore=Datastore())
NEW = InstallOptions(new_server_token=True)


def whole(cluster: Cluster = CLUSTER) -> dict[str, FakeHost]:
    fakes = hosts()
    run(fakes, cluster)
    return fakes


def told(fakes: dict[str, FakeHost], name: str) -> bytes:
    return password_of(fakes[name].files[TOKEN].data)


def is_settled(fakes: dict[str, FakeHost], cluster: Cluster = CLUSTER) -> bool:
    """Every server has been told the token the data have, and runs with it."""
    shared = fakes["server-1"].cluster
    names = [server.name for server in cluster.servers]
    return (
        {told(fakes, name) for name in names} == {shared.password}
        and {shared.lets_in[name] for name in names} == {shared.password}
        and {fakes[name].units["k3s"] for name in names} == {"active"}
        and make_plan(cluster, BUNDLE, used(fakes, cluster)).empty
    )


def used(fakes: dict[str, FakeHost], cluster: Cluster) -> dict[str, FakeHost]:
    return {node.name: fakes[node.name] for node in cluster.nodes}


def cut(fakes: dict[str, FakeHost], cluster: Cluster, options: InstallOptions = NEW) -> None:
    with pytest.raises(FleetError):
        run(fakes, cluster, options, impatient(patience=0.0, attempts=1))
    for fake in fakes.values():
        fake.fault = None


@pytest.mark.parametrize("cluster", [CLUSTER, ALONE], ids=["etcd", "sqlite"])
def test_servers_get_another_token_and_agents_keep_theirs(cluster: Cluster) -> None:
    fakes = whole(cluster)
    before = fakes["server-1"].cluster.password
    agents = fakes["agent-1"].files[TOKEN].data
    password = fakes["server-1"].files[AGENT_TOKEN].data
    result = run(fakes, cluster, NEW)
    assert starts(result) == [server.name for server in cluster.servers]
    assert fakes["server-1"].cluster.password != before
    assert fakes["server-1"].cluster.rotations == 1
    assert fakes["agent-1"].files[TOKEN].data == agents
    assert fakes["server-1"].files[AGENT_TOKEN].data == password
    former = fakes["server-1"].files[FORMER]
    assert (former.data, former.mode) == ((before or b"") + b"\n", 0o600)
    assert is_settled(fakes, cluster)


def test_the_plan_shows_it_and_changes_nothing() -> None:
    fakes = whole()
    before = {name: host.execs for name, host in fakes.items()}
    plan = make_plan(CLUSTER, BUNDLE, fakes, NEW)
    assert [p.name for p in plan.phases if p.steps] == [
        "servers' token",
        "first server",
        "server server-2",
        "server server-3",
    ]
    said = [(node, step.describe()) for node, step in plan.steps]
    restart = "start k3s.service (what it is started with has changed)"
    later = f"change {TOKEN} (0600) (known after the servers' token is rotated)"
    assert said == [
        ("server-1", "rotate the servers' token"),
        ("server-1", restart),
        *((name, text) for name in SERVERS[1:] for text in (later, restart)),
    ]
    assert {name: host.execs - before[name] for name, host in fakes.items()} == dict.fromkeys(
        NAMES, 1
    )


def test_what_is_done_is_what_was_planned() -> None:
    fakes = whole()
    files = {name: dict(host.files) for name, host in fakes.items()}
    plan = make_plan(CLUSTER, BUNDLE, fakes, NEW)
    written = {(node, step.path) for node, step in plan.steps if isinstance(step, Write)}
    run(fakes, options=NEW)
    changed = {
        (name, path)
        for name, host in fakes.items()
        for path, file in host.files.items()
        if files[name].get(path) is not file and path not in {FORMER, ETCD, CA}
    }
    assert changed == written  # server-1's is changed by the step that makes the token
    assert fakes["server-1"].starts == fakes["server-2"].starts == 2


def test_no_password_is_ever_said(caplog: pytest.LogCaptureFixture) -> None:
    fakes = whole()
    before = (fakes["server-1"].cluster.password or b"").decode()
    with caplog.at_level(logging.DEBUG):
        result = run(fakes, options=NEW)
    after = (fakes["server-1"].cluster.password or b"").decode()
    again = make_plan(CLUSTER, BUNDLE, fakes, NEW)
    words = [step.parameters for _, step in result.plan.steps if isinstance(step, Run)]
    said = [*plan_lines(result.plan), *plan_lines(again), str(plan_json(again)), caplog.text]
    for text in (*said, repr(result), repr(again), str(words)):
        assert before not in text
        assert after not in text


def cuts(cluster: Cluster, *names: str) -> list[tuple[str, int, bool]]:
    fakes = whole(cluster)
    first = {name: fakes[name].operations for name in names}
    run(fakes, cluster, NEW)
    return [
        (name, at, after)
        for name in names
        for at in range(first[name], fakes[name].operations)
        for after in (False, True)
    ]


def finishes(cluster: Cluster, name: str, at: int, *, after: bool, options: InstallOptions) -> None:
    fakes = whole(cluster)
    fakes[name].fault = Fault(at, after)
    cut(fakes, cluster)
    run(fakes, cluster, options)
    assert is_settled(fakes, cluster)
    assert fakes["agent-1"].units["k3s-agent"] == "active"


@pytest.mark.parametrize(("name", "at", "after"), cuts(CLUSTER, "server-1", "server-2"))
def test_one_more_run_without_the_option_converges(name: str, at: int, after: bool) -> None:
    finishes(CLUSTER, name, at, after=after, options=InstallOptions())


@pytest.mark.parametrize(("name", "at", "after"), cuts(ALONE, "server-1"))
def test_so_does_a_single_server(name: str, at: int, after: bool) -> None:
    finishes(ALONE, name, at, after=after, options=InstallOptions())


@pytest.mark.parametrize(("name", "at", "after"), cuts(CLUSTER, "server-1"))
def test_one_more_run_with_the_option_converges(name: str, at: int, after: bool) -> None:
    finishes(CLUSTER, name, at, after=after, options=NEW)


def test_a_link_that_comes_back_makes_no_second_token() -> None:
    first = cuts(CLUSTER, "server-1")[0][1]
    for at in range(first, first + 3):
        fakes = whole()
        fakes["server-1"].fault = Fault(at, after=True)
        run(fakes, options=NEW, policy=impatient(patience=60.0))
        assert fakes["server-1"].cluster.rotations == 1
        assert is_settled(fakes)


def changed_by_k3s_alone(fakes: dict[str, FakeHost], name: str = "server-1") -> bytes:
    """K3s has done its part on a server, and edgeboot was killed before it took it over."""
    made = fakes[name].cluster.rotate(name, fakes[name].files[TOKEN].data)
    assert made is not None
    fakes[name].server_token = made
    return made


def boots(fakes: dict[str, FakeHost], *names: str) -> None:
    """Hosts come up again: K3s starts with what is there, or tries to for ever."""
    for name in names:
        host = fakes[name]
        host._start("k3s", host.started_with["k3s"])


@pytest.mark.parametrize("cluster", [CLUSTER, ALONE], ids=["etcd", "sqlite"])
def test_what_k3s_did_alone_is_taken_over(cluster: Cluster) -> None:
    """So it is where somebody typed `k3s token rotate`."""
    fakes = whole(cluster)
    changed_by_k3s_alone(fakes)
    result = run(fakes, cluster)
    assert result.plan.steps[0][1].describe() == "finish the rotation of the servers' token"
    assert is_settled(fakes, cluster)


@pytest.mark.parametrize("place", SERVERS)
@pytest.mark.parametrize("down", [SERVERS, SERVERS[:1], SERVERS[1:], ()])
def test_a_power_cut_in_the_middle(place: str, down: tuple[str, ...]) -> None:
    """Those that boot with the former token do not start; one of them has written down the new."""
    fakes = whole()
    made = changed_by_k3s_alone(fakes, place)
    boots(fakes, *down)
    assert {fakes[name].units["k3s"] for name in down} <= {"activating"}
    run(fakes)
    # A K3s that runs makes another one, for nobody knows how far it had come.
    assert (fakes[place].cluster.node_token == made) == (place in down)
    assert is_settled(fakes)


@pytest.mark.parametrize("down", [SERVERS, SERVERS[:1], SERVERS[1:]])
def test_a_power_cut_after_it_was_taken_over(down: tuple[str, ...]) -> None:
    fakes = whole()
    changed_by_k3s_alone(fakes)
    assert fakes["server-1"]._rotate("finish").ok
    boots(fakes, *down)
    run(fakes)
    assert is_settled(fakes)


def test_servers_that_have_not_the_token_are_started_together() -> None:
    fakes = whole()
    changed_by_k3s_alone(fakes)
    boots(fakes, *SERVERS)
    fakes["server-1"]._rotate("finish")
    plan = make_plan(CLUSTER, BUNDLE, fakes)
    assert {p.name: set(p.steps) for p in plan.phases if p.steps} == {
        "servers that are down": set(SERVERS)
    }


def test_a_change_in_a_server_that_joined_others_is_found() -> None:
    """The first server is another one by then: it must not give the former token away."""
    fakes = whole()
    fakes["server-1"].units["k3s"] = "inactive"
    changed_by_k3s_alone(fakes, "server-2")
    result = run(fakes)
    assert result.plan.steps[0][0] == "server-2"
    assert is_settled(fakes)


def test_an_unfinished_change_leaves_agents_alone() -> None:
    fakes = whole()
    changed_by_k3s_alone(fakes)
    limited = impatient(read_only=frozenset(SERVERS))
    assert run(fakes, policy=limited).plan.empty


def test_an_unfinished_change_needs_its_server() -> None:
    fakes = whole()
    changed_by_k3s_alone(fakes)
    with pytest.raises(Refused, match="do not have it yet") as caught:
        run(fakes, policy=impatient(read_only=frozenset({"server-1"})))
    assert (caught.value.where, caught.value.error_id) == ("server-1", "token-not-changed")


def refused(fakes: dict[str, FakeHost], cluster: Cluster = CLUSTER, **policy: object) -> str:
    """What the refusal says; nothing was done."""
    before = {name: (host.starts, dict(host.files)) for name, host in fakes.items()}
    with pytest.raises(Refused) as caught:
        run(fakes, cluster, NEW, impatient(**policy))
    assert caught.value.error_id == "token-not-changed"
    assert {name: (host.starts, dict(host.files)) for name, host in fakes.items()} == before
    assert fakes["server-1"].cluster.rotations == 0
    return caught.value.what


def test_it_is_refused_while_a_server_is_down() -> None:
    fakes = whole()
    fakes["server-3"].units["k3s"] = "inactive"
    assert refused(fakes).endswith("server-3 is not")


def test_it_is_refused_while_servers_stay_outside() -> None:
    read_only = frozenset({"server-1", "server-2"})
    assert refused(whole(), read_only=read_only).endswith("server-1, server-2 are not")


def test_it_is_refused_before_a_server_has_joined() -> None:
    fakes = whole(inventory("server-1", "server-3", "agent-1"))
    assert refused(fakes).endswith("server-2 is not")


def test_it_is_refused_while_a_server_cannot_be_reached() -> None:
    fakes = whole()
    unreachable(fakes["server-3"])
    assert refused(fakes, skip_unreachable=True).endswith("server-3 is not")


def test_it_is_refused_with_a_datastore_elsewhere() -> None:
    endpoint = Secret(b"mysql://k3s:s3cret@tcp(192.0.2.5)/k3s")
    cluster = replace(CLUSTER, datastore=Datastore(DatastoreKind.EXTERNAL, endpoint))
    assert "external datastore" in refused(whole(cluster), cluster)


def test_it_is_refused_while_etcd_has_a_member_that_is_not_in_the_inventory() -> None:
    fakes = whole()
    fakes["server-1"].cluster.joined["server-9"] = FakeNode("v1", voter=True)
    assert "members that are not in the inventory: server-9" in refused(fakes)


def test_it_waits_until_every_server_is_well() -> None:
    fakes = whole()
    fakes["server-1"].cluster.joined["server-3"].ready = False
    with pytest.raises(FleetError, match="server-3"):
        run(fakes, options=NEW)
    assert fakes["server-1"].cluster.rotations == 0


def test_a_cluster_that_is_not_there_yet_needs_no_other_token() -> None:
    fakes = hosts()
    result = run(fakes, options=NEW)
    assert fakes["server-1"].cluster.rotations == 0
    assert len(starts(result)) == len(NAMES)


def test_other_changes_need_no_second_restart() -> None:
    fakes = whole()
    cluster = replace(CLUSTER, config={"disable": ("traefik",)})
    run(fakes, cluster, NEW)
    assert {name: fakes[name].starts for name in SERVERS} == dict.fromkeys(SERVERS, 2)
    assert "traefik" in fakes["server-3"].files[CONFIG].data.decode()
    assert is_settled(fakes, cluster)


def test_a_server_joins_after_it_with_the_new_token() -> None:
    two = inventory("server-1", "server-2", "agent-1")
    fakes = whole(two)
    run(fakes, two, NEW)
    run(fakes)
    assert is_settled(fakes)


def test_k3s_that_says_no_is_told() -> None:
    fakes = whole()
    fakes["server-1"].cluster.lets_in["server-1"] = b"another"
    with pytest.raises(FleetError, match="Unauthorized") as caught:
        run(fakes, options=NEW)
    (error,) = caught.value.errors.values()
    assert error.error_id == "token-not-changed"
    assert "troubleshooting" in (error.hint or "")


@pytest.mark.parametrize(
    ("token", "password"),
    [
        (b"abc\n", b"abc"),
        (full_token(b"abc"), b"abc"),
        (full_token(b"a:b::c") + b"\n", b"a:b::c"),
        (b"K10abc", b"K10abc"),
    ],
)
def test_passwords_of_tokens(token: bytes, password: bytes) -> None:
    assert password_of(token) == password
