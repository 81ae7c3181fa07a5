"""Going on by itself on fake hosts: cuts, resumed uploads, locks, limits, hosts that are off."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from edgeboot.blob import BytesSource
from edgeboot.engine.fleet import FleetError
from edgeboot.engine.host_sessions import DEFAULT_POLICY, RunPolicy
from edgeboot.engine.resume import BLOCK, Rest, agreed_offset
from edgeboot.errors import BadInput, Refused, Unreachable
from edgeboot.events import silent
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.cluster_state import BundleView
from edgeboot.lifecycle.install.run import Installed, install
from edgeboot.lifecycle.selection import limited, without
from edgeboot.plan.facts import PartialUpload
from edgeboot.secret import redacted
from edgeboot.transport.fake.host import FakeHost, Fault
from tests.support.small_cluster import BUNDLE, CLUSTER, CONTENTS, cuts, hosts, state

PATIENT = replace(DEFAULT_POLICY, patience=60.0, sleep=lambda _seconds: None)


def run(
    fakes: dict[str, FakeHost],
    cluster: Cluster = CLUSTER,
    policy: RunPolicy = PATIENT,
    bundle: BundleView = BUNDLE,
) -> Installed:
    used = {node.name: fakes[node.name] for node in cluster.nodes}
    return install(
        cluster,
        bundle,
        used,
        confirm=lambda _plan: True,
        tell=silent,
        patience=0.0,
        policy=policy,
    )


# -- reconnecting (rows 1, 4)


@pytest.mark.parametrize(("name", "at", "after"), cuts())
def test_the_same_run_goes_on_after_a_cut(name: str, at: int, after: bool) -> None:
    whole, fakes = hosts(), hosts()
    run(whole)
    fakes[name].fault = Fault(at, after)
    run(fakes)
    assert state(fakes) == state(whole)
    assert fakes[name].connections == 2
    assert not any(host.locked for host in fakes.values())


def big() -> tuple[BundleView, bytes]:
    """Supplies whose binary is several blocks long."""
    data = b"\x7fELF" + bytes(range(256)) * 1024
    source = BytesSource(data)
    binary = replace(CONTENTS.items[0], blob=replace(CONTENTS.items[0].blob, sha256=source.sha256))
    binary = replace(binary, blob=replace(binary.blob, size=source.size))
    contents = replace(CONTENTS, items=(binary, *CONTENTS.items[1:]))

    def blob_source(blob: object) -> BytesSource:
        if blob == binary.blob:
            return source
        found = BUNDLE.blob_source(blob)  # type: ignore[arg-type]
        assert isinstance(found, BytesSource)
        return found

    return replace(BUNDLE, contents=contents, blob_source=blob_source), data


def upload_at(bundle: BundleView) -> int:
    """The number of the operation that sends the binary to the first server."""
    fakes = hosts()
    seen: list[int] = []
    host = fakes["server-1"]
    put = host.put

    def noting(source, command, **rest):  # type: ignore[no-untyped-def]
        if command.parameters[0] == "/usr/local/bin/k3s":
            seen.append(host.operations)
        return put(source, command, **rest)

    host.put = noting  # type: ignore[method-assign]
    run(fakes, bundle=bundle)
    return seen[0]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_broken_upload_goes_on_where_it_broke(share: float) -> None:
    bundle, data = big()
    at = upload_at(bundle)
    whole, fakes = hosts(), hosts()
    run(whole, bundle=bundle)
    fakes["server-1"].fault = Fault(at, after=False, share=share)
    run(fakes, bundle=bundle)
    assert fakes["server-1"].files["/usr/local/bin/k3s"].data == data
    sent_twice = fakes["server-1"].received - whole["server-1"].received
    assert 0 <= sent_twice < BLOCK
    assert not fakes["server-1"].parts


def test_a_part_that_is_wrong_is_sent_again() -> None:
    source = BytesSource(bytes(200_000))
    right = BytesSource(bytes(150_000)).sha256
    assert agreed_offset(source, PartialUpload(150_000, right)) == 2 * BLOCK
    assert agreed_offset(source, PartialUpload(150_000, "0" * 64)) == 0
    assert agreed_offset(source, PartialUpload(200_001, right)) == 0
    assert agreed_offset(source, None) == 0
    assert agreed_offset(source, PartialUpload(0, BytesSource(b"").sha256)) == 0


@pytest.mark.parametrize("offset", [0, 1, 1 << 18, (1 << 18) + 5, 600_000])
def test_the_rest_of_a_source(offset: int) -> None:
    data = bytes(range(200)) * 3000
    rest = Rest(BytesSource(data), offset)
    assert b"".join(rest.open()) == data[offset:]
    assert rest.size == len(data) - offset


def test_a_host_that_never_comes_back_is_given_up() -> None:
    fakes = hosts()
    fakes["agent-1"].fault = Fault(3)
    now = iter(range(0, 10_000, 7))
    policy = replace(PATIENT, clock=lambda: float(next(now)))

    def gone() -> None:
        raise Unreachable("it is gone", where="agent-1")

    fakes["agent-1"].reconnect = gone  # type: ignore[method-assign]
    with pytest.raises(FleetError, match="it is gone") as caught:
        run(fakes, policy=policy)
    assert caught.value.exit_code == 3


def test_whoever_took_the_lock_meanwhile_keeps_it() -> None:
    fakes = hosts()
    agent = fakes["agent-1"]
    agent.fault = Fault(3)

    def taken() -> None:
        agent.locked_by = "another run"

    agent.reconnect = taken  # type: ignore[method-assign]
    with pytest.raises(FleetError) as caught:
        run(fakes)
    assert isinstance(caught.value.errors["agent-1"], Refused)


def test_a_run_that_lost_its_lock_does_nothing_before_it_has_it_again() -> None:
    """As after a nap of the controller: somebody else has installed the cluster meanwhile."""
    fakes = hosts()
    server = fakes["server-1"]
    tokens: list[bytes] = []

    def meanwhile(_plan: object) -> bool:
        server.locked = False
        run(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:1]))
        tokens.append(server.files["/etc/rancher/k3s/edgeboot-token"].data)
        return True

    used = {node.name: fakes[node.name] for node in CLUSTER.nodes}
    install(CLUSTER, BUNDLE, used, confirm=meanwhile, tell=silent, patience=0.0, policy=PATIENT)
    assert tokens == [server.files["/etc/rancher/k3s/edgeboot-token"].data]
    assert server.starts == 1


# -- two operators at once (row 27)


def test_of_two_operators_exactly_one_wins_a_hundred_times() -> None:
    for _ in range(100):
        fakes = hosts()
        both = threading.Barrier(2)

        def operator(fakes: dict[str, FakeHost] = fakes, both: threading.Barrier = both) -> str:
            both.wait()
            try:
                return "done" if run_and_meet(fakes, both).confirmed else "declined"
            except FleetError as error:
                both.wait()
                return "refused" if error.exit_code == Refused.exit_code else str(error)

        with ThreadPoolExecutor(2) as pool:
            ends = [f.result() for f in [pool.submit(operator), pool.submit(operator)]]
        assert sorted(ends) == ["done", "refused"]


def run_and_meet(fakes: dict[str, FakeHost], both: threading.Barrier) -> Installed:
    """An install of one host that keeps its lock until the other operator has been told."""
    cluster = replace(CLUSTER, nodes=CLUSTER.nodes[:1])
    used = {"server-1": fakes["server-1"]}

    def confirm(_plan: object) -> bool:
        both.wait()
        return True

    return install(cluster, BUNDLE, used, confirm=confirm, tell=silent, patience=0.0)


# -- some hosts only


def test_only_the_limited_node_is_touched() -> None:
    fakes = hosts()
    run(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:2]))
    before = {name: host.operations for name, host in fakes.items()}
    chosen = limited(CLUSTER, ["agent-2"])
    assert [node.name for node in chosen.cluster.nodes] == ["server-1", "agent-2"]
    done = run(fakes, chosen.cluster, replace(PATIENT, read_only=chosen.read_only))
    assert {node for node, _ in done.plan.steps} == {"agent-2"}
    assert "agent-2" in fakes["server-1"].cluster.joined
    assert fakes["agent-1"].operations == before["agent-1"]


def test_agents_alone_need_a_server_that_is_up() -> None:
    chosen = limited(CLUSTER, ["agent"])
    with pytest.raises(Refused, match="server-1 is not installed yet"):
        run(hosts(), chosen.cluster, replace(PATIENT, read_only=chosen.read_only))


def test_limits_name_nodes_groups_and_roles() -> None:
    first, agent, last = CLUSTER.nodes
    cluster = replace(CLUSTER, nodes=(first, replace(agent, groups=("shed",)), last))
    assert [n.name for n in limited(cluster, ["shed"]).cluster.nodes] == ["server-1", "agent-1"]
    assert limited(cluster, ["server"]).read_only == frozenset()
    assert limited(cluster, []).cluster is cluster
    with pytest.raises(BadInput, match="agent-1"):
        limited(cluster, ["agnet-1"])


# -- one Pi is off today


def test_the_others_go_on_without_a_host_that_is_lost() -> None:
    fakes = hosts()
    fakes["agent-1"].fault = Fault(3)
    policy = replace(DEFAULT_POLICY, skip_unreachable=True)
    done = run(fakes, policy=policy)
    assert set(done.lost) == {"agent-1"}
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-2"}


def test_without_the_first_server_nothing_goes_on() -> None:
    off = Unreachable("off", where="server-1")
    with pytest.raises(Unreachable, match="cannot be skipped"):
        without(CLUSTER, {"server-1": off})
    fakes = hosts()
    fakes["server-1"].fault = Fault(3)
    with pytest.raises(FleetError):
        run(fakes, policy=replace(DEFAULT_POLICY, skip_unreachable=True))


# -- what never comes up (row 45)


def test_a_first_start_that_never_comes_up_is_rolled_back() -> None:
    fakes = hosts()
    agent = fakes["agent-1"]
    start = agent._start  # the fake has no knob for a service that cannot start

    def failing(service: str, inputs: str) -> None:
        start(service, inputs)
        agent.units[service] = "activating"

    agent._start = failing  # type: ignore[method-assign]
    with pytest.raises(FleetError, match="rolled back: k3s-agent is stopped"):
        run(fakes)
    assert not agent.units
    assert fakes["agent-2"].units == {"k3s-agent": "active"}


# -- the log


@pytest.mark.parametrize(
    "secret",
    [
        "K10" + "a" * 64 + "::server:" + "b" * 32,
        "0123456789abcdef" * 2,
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
    ],
)
def test_the_log_has_no_secrets(secret: str) -> None:
    assert secret not in redacted(f"level=fatal msg=token {secret} refused")
    assert "hunter2" not in redacted("GET http://u:hunter2@proxy/ password=hunter2 token: hunter2")
