"""Mending on fake hosts: cloned cards and missing cgroups, rebooted, and cut at every operation."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from edgeboot.engine import reboot
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused, StepFailed, Unreachable
from edgeboot.events import silent
from edgeboot.lifecycle.install.run import install, make_plan, preflight
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.steps import Reboot, Run
from edgeboot.transport.base import Channel, Command, NoChannel, Result
from edgeboot.transport.fake.host import FakeHost, Fault
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts, run, state

LINE = b"console=tty1 root=PARTUUID=1 rootwait\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reboot, "PAUSE", 0.0)


def broken() -> dict[str, FakeHost]:
    """Pis as they come: no memory controller, a cloned card, a module that is not loaded."""
    fakes = hosts()
    for name in ("agent-1", "agent-2"):
        board = fakes[name].board
        board.controllers = "cpu cpuset pids"
        board.boot_file = LINE
        board.hostname, board.machine_id = "raspberrypi", "c" * 32
    fakes["agent-1"].board.modules["vxlan"] = "loadable"
    return fakes


def prepared(fakes: dict[str, FakeHost]) -> dict[str, object]:
    return {
        name: (
            host.board.controllers,
            host.board.boot_file,
            host.board.hostname,
            host.board.modules,
        )
        for name, host in fakes.items()
    }


def test_what_can_be_mended_is_planned_first() -> None:
    plan = make_plan(CLUSTER, BUNDLE, broken())
    first = plan.phases[0]
    assert first.name == "prepare"
    assert list(first.steps) == ["agent-1", "agent-2"]
    words = [step.describe() for step in first.steps["agent-2"]]
    assert words == [
        "set the hostname to agent-2 (was raspberrypi)",
        "write a new machine-id (it has the same as agent-1)",
        "change /boot/firmware/cmdline.txt (backup: /boot/firmware/cmdline.txt.edgeboot-backup)",
        "reboot (new machine-id, cgroup controllers)",
    ]
    edit = next(s for s in first.steps["agent-2"] if isinstance(s, Run) and s.shown)
    assert edit.shown[1] == f"+{LINE.decode().strip()} cgroup_memory=1 cgroup_enable=memory"
    assert "load kernel modules vxlan" in [s.describe() for s in first.steps["agent-1"]]


def test_it_is_mended_and_then_installed() -> None:
    fakes = broken()
    run(fakes)
    for name in ("agent-1", "agent-2"):
        assert fakes[name].board.boots == 1
        assert b"cgroup_enable=memory" in (fakes[name].board.boot_file or b"")
    assert fakes["server-1"].board.boots == 0
    assert fakes["agent-1"].board.machine_id != fakes["agent-2"].board.machine_id
    assert fakes["agent-1"].files["/etc/modules-load.d/edgeboot.conf"].data == b"vxlan\n"
    assert set(fakes["server-1"].cluster.joined) == {"server-1", "agent-1", "agent-2"}
    assert make_plan(CLUSTER, BUNDLE, fakes).empty


def test_without_leave_to_reboot_nothing_is_written() -> None:
    fakes = broken()
    options = InstallOptions(reboot=False)
    with pytest.raises(FleetError, match="append ` cgroup_memory=1 cgroup_enable=memory`") as e:
        make_plan(CLUSTER, BUNDLE, fakes, options)
    assert all(isinstance(error, Refused) for error in e.value.errors.values())
    with pytest.raises(FleetError):
        install(
            CLUSTER,
            BUNDLE,
            fakes,
            confirm=lambda _p: True,
            tell=silent,
            patience=0,
            options=options,
        )
    assert not any(host.files or host.board.boots for host in fakes.values())
    assert fakes["agent-1"].board.boot_file == LINE


def test_one_host_that_cannot_be_mended_keeps_all_others_as_they_are() -> None:
    fakes = broken()
    fakes["server-1"].board.memory_kib = 256 << 10
    with pytest.raises(FleetError, match=r"server-1: it has 256\.0 MiB of memory"):
        run(fakes)
    assert not any(host.files or host.board.boots for host in fakes.values())


def test_a_reboot_that_does_not_help_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = broken()
    monkeypatch.setattr(type(fakes["agent-2"].board), "reboot", useless_reboot)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    assert isinstance(caught.value.errors["agent-2"], StepFailed)
    assert "/usr/local/bin/k3s" not in fakes["agent-2"].files


def useless_reboot(board: object, boot_id: str) -> str:
    asked: str = board.boot_id  # type: ignore[attr-defined]
    if asked == boot_id:
        board.boots += 1  # type: ignore[attr-defined]
    return asked


def operations_of_a_clean_run() -> dict[str, int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reboot, "PAUSE", 0.0)
        fakes = broken()
        run(fakes)
    return {name: host.operations for name, host in fakes.items()}


CUTS = [
    (name, at, after)
    for name, count in operations_of_a_clean_run().items()
    if name != "agent-1"
    for at in range(count)
    for after in (False, True)
]


@pytest.mark.parametrize(("name", "at", "after"), CUTS)
def test_one_rerun_converges_after_a_cut_at_any_operation(name: str, at: int, after: bool) -> None:
    """A cut while it is told to reboot is no failure: the word is said again."""
    whole = broken()
    run(whole)
    fakes = broken()
    fakes[name].fault = Fault(at, after)
    with suppress(FleetError):
        run(fakes)
    fakes[name].fault = None
    run(fakes)
    assert prepared(fakes) == prepared(whole)
    assert state(fakes) == state(whole)
    assert len({host.board.machine_id for host in fakes.values()}) == 3
    assert make_plan(CLUSTER, BUNDLE, fakes).empty


class Stubborn(FakeHost):
    """A host that never comes back: its connection cannot be opened again."""

    def reconnect(self) -> None:
        raise Unreachable("no route to host", where=self.node)


def test_a_host_that_does_not_come_back_fails_with_a_deadline() -> None:
    host = Stubborn("pi", hosts()["agent-1"].cluster)
    now = iter(range(1000))
    with pytest.raises(StepFailed, match="not back 60 s after the reboot: no route to host"):
        reboot.reboot(
            host, "boot-0", silent, patience=60, sleep=lambda _s: None, clock=lambda: next(now)
        )


class Refusing(FakeHost):
    """A host that cannot be rebooted."""

    def carry_out(self, _command: Command, _data: bytes | None) -> Result:
        return Result(1, "", "Call to Reboot failed")


def test_a_host_that_refuses_to_reboot_is_a_failed_step() -> None:
    host = Refusing("pi", hosts()["agent-1"].cluster)
    assert not reboot.reboot(host, "boot-0", silent).ok


def test_a_host_that_was_rebooted_meanwhile_is_left_alone() -> None:
    host = hosts()["agent-1"]
    host.board.boots = 7
    assert reboot.reboot(host, "boot-0", silent).ok
    assert host.board.boots == 7


def test_preflight_without_a_bundle_says_what_it_cannot_know() -> None:
    found = preflight(CLUSTER, None, hosts(), InstallOptions())
    assert found.exit_code == 6
    assert all(
        {one.id for one in some} >= {"preflight.arch", "preflight.disk"}
        for some in found.findings.values()
    )


def test_preflight_with_a_bundle_finds_what_plan_would_refuse() -> None:
    fakes = hosts()
    fakes["agent-2"].machine = "aarch64"
    assert preflight(CLUSTER, BUNDLE, fakes, InstallOptions()).exit_code == 5
    assert all(host.operations == 1 and not host.files for host in fakes.values())


def test_an_agent_that_does_not_reach_the_api_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fakes = hosts()
    open_channel = FakeHost.open_channel

    def walled_off(
        host: FakeHost, address: str, port: int, *, deadline: float
    ) -> Channel | NoChannel:
        if host.node == "agent-1":
            return NoChannel("Connect failed")
        return open_channel(host, address, port, deadline=deadline)

    monkeypatch.setattr(FakeHost, "open_channel", walled_off)
    with pytest.raises(FleetError) as caught:
        run(fakes)
    said = "reach https://192.0.2.11:6443: cannot connect to port 6443 of 192.0.2.11"
    assert said in str(caught.value)
    assert "open 6443/tcp on server-1" in str(caught.value)
    assert fakes["agent-1"].starts == 0
    assert "agent-2" in fakes["server-1"].cluster.joined


def test_former_nodes_are_forgotten_only_when_told() -> None:
    fakes = hosts()
    run(fakes)
    fresh = hosts()["agent-1"]
    fresh.cluster = fakes["server-1"].cluster
    fakes["agent-1"] = fresh
    usual = make_plan(CLUSTER, BUNDLE, fakes)
    assert usual.steps_of("server-1") == ()
    told = make_plan(CLUSTER, BUNDLE, fakes, InstallOptions(forget_node_passwords=True))
    (step,) = told.steps_of("server-1")
    assert step.describe().startswith("forget the node passwords of agent-1")


def test_a_plan_has_no_reboot_where_nothing_asks_for_one() -> None:
    plan = make_plan(CLUSTER, BUNDLE, hosts())
    assert not any(isinstance(step, Reboot) for _, step in plan.steps)


def test_open_firewall_opens_hosts_whose_entry_has_no_setting() -> None:
    fakes = hosts()
    for name in ("server-1", "agent-1"):
        fakes[name].board.has = "ufw"
    first = replace(CLUSTER.nodes[0], host=replace(CLUSTER.nodes[0].host, firewall="keep"))
    cluster = replace(CLUSTER, nodes=(first, *CLUSTER.nodes[1:]))
    for is_open, opening in ((False, []), (True, ["agent-1"])):  # agent-2 has no firewall
        options = InstallOptions(open_firewall=is_open)
        plan = make_plan(cluster, BUNDLE, fakes, options)
        wanted = "open the firewall for the cluster"
        assert [name for name, step in plan.steps if step.describe() == wanted] == opening


def test_a_host_with_too_few_inotify_instances_gets_more_now_and_at_boot() -> None:
    fakes = hosts()
    fakes["agent-1"].board.inotify = 64
    first = make_plan(CLUSTER, BUNDLE, fakes).phases[0]
    assert [step.describe() for step in first.steps["agent-1"]][-2:] == [
        "write /etc/sysctl.d/90-edgeboot-inotify.conf (0644)",
        "set fs.inotify.max_user_instances to 512",
    ]
    run(fakes)
    assert fakes["agent-1"].board.inotify == 512
    file = fakes["agent-1"].files["/etc/sysctl.d/90-edgeboot-inotify.conf"]
    assert file.data == b"fs.inotify.max_user_instances = 512\n"
    assert make_plan(CLUSTER, BUNDLE, fakes).empty
