"""The whole install on fake hosts: convergence, and a cut link at every single operation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents, Image, ImageArchive, Item, Role
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused, StepFailed, Unreachable
from edgeboot.events import silent
from edgeboot.inventory.model import Cluster, Node
from edgeboot.inventory.model import Role as NodeRole
from edgeboot.lifecycle.cluster_state import BundleView
from edgeboot.lifecycle.install.run import Installed, install, make_plan
from edgeboot.plan.plan import Plan
from edgeboot.plan.resources import text
from edgeboot.plan.steps import Start, Write
from edgeboot.transport.fake.host import FakeCluster, FakeHost, Fault

VERSION = "v1.36.2+k3s1"
BINARY, ARCHIVE, CHART = b"\x7fELF k3s", b"images", b"chart"
SOURCES = {text(data.decode("latin-1")).sha256: data for data in (BINARY, ARCHIVE, CHART)}
IMAGES = {"docker.io/rancher/mirrored-pause:3.6": "sha256:" + "a" * 64}


def blob(data: bytes) -> Blob:
    return Blob(text(data.decode("latin-1")).sha256, len(data))


CONTENTS = Contents(
    name="test",
    k3s_version=VERSION,
    arches=("amd64",),
    items=(
        Item(Role.K3S_BINARY, "k3s", blob(BINARY), arch="amd64", version=VERSION),
        Item(Role.CHART, "hello", blob(CHART), version="1.0.0"),
    ),
    images=(Image("docker.io/rancher/mirrored-pause:3.6", "amd64", "a" * 64, "a" * 64, "m", ()),),
    archives=(ImageArchive("pause", "amd64", blob(ARCHIVE), tuple(IMAGES)),),
)
BUNDLE = BundleView(
    CONTENTS,
    blob_source=lambda b: text(SOURCES[b.sha256].decode("latin-1")),
    archive_source=lambda a: text(SOURCES[a.blob.sha256].decode("latin-1")),
    check=lambda: None,
)
CLUSTER = Cluster(
    "edge",
    (
        Node("server-1", "192.0.2.11", NodeRole.SERVER),
        Node("agent-1", "192.0.2.21", NodeRole.AGENT),
        Node("agent-2", "192.0.2.22", NodeRole.AGENT),
    ),
)


def hosts() -> dict[str, FakeHost]:
    shared = FakeCluster(VERSION, IMAGES)
    return {node.name: FakeHost(node.name, shared) for node in CLUSTER.nodes}


def run(fakes: dict[str, FakeHost], cluster: Cluster = CLUSTER) -> Installed:
    used = {node.name: fakes[node.name] for node in cluster.nodes}
    try:
        return install(cluster, BUNDLE, used, confirm=lambda _plan: True, tell=silent, patience=0.0)
    finally:
        for fake in used.values():
            fake.close()


def state(fakes: dict[str, FakeHost]) -> dict[str, object]:
    """What an installed fleet looks like, apart from the random token."""
    return {
        name: (
            {
                path: (f.mode, f.data, f.directory)
                for path, f in host.files.items()
                if "token" not in path
            },
            host.units,
        )
        for name, host in fakes.items()
    }


def test_bare_hosts_become_a_cluster() -> None:
    fakes = hosts()
    result = run(fakes)
    assert not result.plan.empty
    assert result.kubeconfig is not None
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-1", "agent-2"}
    assert fakes["agent-1"].files["/etc/rancher/k3s/edgeboot-token"].data.startswith(b"K10")
    assert fakes["agent-1"].files["/etc/rancher/k3s/edgeboot-token"].mode == 0o600


def test_the_second_run_does_nothing_in_two_execs() -> None:
    fakes = hosts()
    run(fakes)
    starts = {name: host.starts for name, host in fakes.items()}
    before = {name: host.operations for name, host in fakes.items()}
    assert run(fakes).plan.empty
    assert {name: host.starts for name, host in fakes.items()} == starts
    assert all(host.operations - before[name] <= 2 for name, host in fakes.items())


def test_the_plan_says_what_is_not_known_yet() -> None:
    plan = make_plan(CLUSTER, BUNDLE, hosts())
    words = [step.describe() for step in plan.steps_of("agent-1")]
    assert any("(known after server-1 is up)" in word for word in words)


def test_planning_changes_nothing() -> None:
    fakes = hosts()
    make_plan(CLUSTER, BUNDLE, fakes)
    assert all(host.operations == 1 and not host.files for host in fakes.values())


def test_a_label_changes_one_node_only() -> None:
    fakes = hosts()
    run(fakes)
    first, agent, last = CLUSTER.nodes
    changed = replace(CLUSTER, nodes=(first, replace(agent, labels={"zone": "a"}), last))
    plan = make_plan(changed, BUNDLE, fakes)
    assert plan.steps_of("server-1") == plan.steps_of("agent-2") == ()
    steps = plan.steps_of("agent-1")
    assert [type(s).__name__ for s in steps] == ["Write", "Write", "Start"]
    written = [step.path for step in steps if isinstance(step, Write)]
    assert written == ["/var/lib/edgeboot/node.json", "/etc/rancher/k3s/config.yaml"]


def test_an_added_agent_touches_no_other_host() -> None:
    fakes = hosts()
    run(fakes, replace(CLUSTER, nodes=CLUSTER.nodes[:2]))
    plan = make_plan(CLUSTER, BUNDLE, fakes)
    assert plan.steps_of("server-1") == plan.steps_of("agent-1") == ()
    assert any(isinstance(step, Start) for step in plan.steps_of("agent-2"))


def test_declining_the_plan_leaves_hosts_alone() -> None:
    fakes = hosts()
    result = install(CLUSTER, BUNDLE, fakes, confirm=lambda _p: False, tell=silent, patience=0.0)
    assert not result.confirmed
    assert not any(host.files or host.locked for host in fakes.values())


def test_a_locked_host_is_refused_and_the_others_are_released() -> None:
    fakes = hosts()
    fakes["agent-1"].locked = True
    with pytest.raises(FleetError) as caught:
        install(CLUSTER, BUNDLE, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert isinstance(caught.value.errors["agent-1"], Refused)
    assert "somebody else" in str(caught.value)
    assert not fakes["server-1"].locked
    assert not fakes["server-1"].files


def test_another_architecture_is_refused_before_any_write() -> None:
    fakes = hosts()
    fakes["agent-2"].machine = "aarch64"
    with pytest.raises(FleetError, match="the host is arm64") as caught:
        run(fakes)
    assert caught.value.exit_code == 5
    assert not any(host.files for host in fakes.values())


def test_a_damaged_bundle_is_found_before_any_write() -> None:
    def damaged() -> None:
        raise Refused("damaged")

    fakes = hosts()
    bundle = replace(BUNDLE, check=damaged)
    with pytest.raises(Refused):
        install(CLUSTER, bundle, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert not any(host.files or host.locked for host in fakes.values())
    run(fakes)
    result = install(CLUSTER, bundle, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert result.plan.empty  # nothing to send, so nothing to check


def test_another_k3s_version_is_refused_naming_both() -> None:
    fakes = hosts()
    run(fakes)
    fakes["agent-1"].cluster.version = "v1.35.0+k3s1"
    with pytest.raises(
        FleetError, match=r"runs K3s v1\.35\.0\+k3s1 and the bundle carries v1\.36\.2"
    ):
        run(fakes)


def test_a_gate_that_never_holds_says_what_it_waited_for() -> None:
    fakes = hosts()
    fakes["server-1"].cluster.images = {}
    with pytest.raises(FleetError, match="1 of 1 images are not imported yet") as caught:
        run(fakes)
    assert all(isinstance(error, StepFailed) for error in caught.value.errors.values())


def operations_of_a_clean_run() -> dict[str, int]:
    fakes = hosts()
    run(fakes)
    return {name: host.operations for name, host in fakes.items()}


CUTS = [
    (name, at, after)
    for name, count in operations_of_a_clean_run().items()
    for at in range(count)
    for after in (False, True)
]


@pytest.mark.parametrize(("name", "at", "after"), CUTS)
def test_one_rerun_converges_after_a_cut_at_any_operation(name: str, at: int, after: bool) -> None:
    whole = hosts()
    run(whole)
    fakes = hosts()
    fakes[name].fault = Fault(at, after)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    assert isinstance(caught.value.errors[name], Unreachable)
    fakes[name].fault = None
    run(fakes)
    assert state(fakes) == state(whole)
    plan: Plan = make_plan(CLUSTER, BUNDLE, fakes)
    assert plan.empty


def test_a_clean_run_has_enough_operations_to_cut() -> None:
    assert len(CUTS) > 60
