"""Faults of real hosts: found before anything is written, fixed where possible (FAULTS)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.fleet import Fleet, refused

BOOT_FILE = "/boot/firmware/cmdline.txt"
LINE = "console=tty1 root=PARTUUID=abc rootfstype=ext4 rootwait"


@contextmanager
def broken(fleet: Fleet, node: str, how: str, repair: str) -> Iterator[None]:
    """A host with a fault that is gone afterwards."""
    fleet.on(node, how)
    try:
        yield
    finally:
        fleet.on(node, repair)


def test_healthy_hosts_pass(unchanged: Fleet) -> None:
    done = unchanged.run("preflight", "-i", unchanged.inventory(), "--output", "json")
    assert done.code == 0, done.all
    nodes = json.loads(done.out)["nodes"]
    assert set(nodes) == {"server-1", "agent-1", "agent-2"}
    ids = {finding["id"] for some in nodes.values() for finding in some}
    assert "preflight.dns" in ids  # lab hosts have none
    table = unchanged.run("preflight", "-i", unchanged.inventory())
    assert "cgroup controllers" in table.out
    assert table.code == 0, table.all


def test_without_a_bundle_something_stays_unknown(unchanged: Fleet) -> None:
    path = unchanged.inventory()
    path.write_text(
        "\n".join(x for x in path.read_text().splitlines() if not x.startswith("bundle:"))
    )
    done = unchanged.run("preflight", "-i", path)
    assert done.code == 6, done.all
    assert "no bundle given" in done.out


def test_8_a_disk_that_is_too_small(unchanged: Fleet) -> None:
    with broken(
        unchanged,
        "agent-1",
        "mount -t tmpfs -o size=48m none /var/lib/rancher",
        "umount /var/lib/rancher",
    ):
        inventory = unchanged.inventory()
        words = ("agent-1", "/var/lib/rancher/k3s: ", " needed", "[preflight.disk]")
        refused(unchanged.install(inventory), *words)


def test_9_a_disk_that_is_full_in_the_middle_and_then_is_not(bare: Fleet) -> None:
    inventory = bare.inventory("server-1")
    with broken(
        bare,
        "server-1",
        "mount -t tmpfs -o size=16k none /var/lib/rancher",
        "umount /var/lib/rancher",
    ):
        done = bare.install(inventory, "--allow", "preflight.disk")
        refused(done, "server-1", "No space left", code=4)
    done = bare.install(inventory)
    assert done.code == 0, done.all


def test_10_a_read_only_file_system(unchanged: Fleet) -> None:
    with broken(
        unchanged,
        "agent-2",
        "mount --bind /usr/local/bin /usr/local/bin; mount -o remount,bind,ro /usr/local/bin",
        "umount /usr/local/bin",
    ):
        done = unchanged.install(unchanged.inventory())
        refused(done, "agent-2", "read-only: /usr/local/bin", "remount,rw")


def test_11_too_little_memory(unchanged: Fleet) -> None:
    limit = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    if unchanged.on("server-1", f"test -w {limit} && echo yes").strip() != "yes":
        pytest.skip("these hosts cannot lower their own limit: cgroup v2")
    with broken(
        unchanged,
        "server-1",
        f"cat {limit} >/run/limit; echo 400M >{limit}",
        f"cat /run/limit >{limit}",
    ):
        inventory = unchanged.inventory()
        words = ("server-1: it has 400.0 MiB of memory", "make it an agent")
        refused(unchanged.install(inventory), *words)
        allowed = unchanged.run("plan", "-i", inventory, "--allow", "preflight.memory")
        assert allowed.code == 10, allowed.all
        assert "warning: server-1: it has 400.0 MiB" in allowed.out


DRESS = f"""#!/bin/sh
# What makes this host a Raspberry Pi, at every boot: its device tree, a boot partition of its own,
# and a kernel that gives a memory controller only to those who ask for it there.
mount -t tmpfs none /sys/firmware
mkdir -p /sys/firmware/devicetree/base
printf 'Raspberry Pi 3 Model B Plus Rev 1.3\\0' >/sys/firmware/devicetree/base/model
mkdir -p /boot/firmware /var/pi-boot
mount --bind /var/pi-boot /boot/firmware
if ! grep -q cgroup_enable=memory {BOOT_FILE}; then
    grep -v ^memory /proc/cgroups >/run/cgroups
    mount --bind /run/cgroups /proc/cgroups
fi
"""
UNIT = """[Unit]
Description=A Raspberry Pi
Before=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /var/dress-as-pi
[Install]
WantedBy=multi-user.target
"""


def clone(fleet: Fleet, node: str, boot_line: str) -> None:
    """A host from a cloned card of a Pi whose kernel gives no memory controller."""
    fleet.on(
        node,
        f"mkdir -p /var/pi-boot; echo '{boot_line}' >/var/pi-boot/cmdline.txt; "
        f"cat >/var/dress-as-pi <<'END'\n{DRESS}END\n"
        f"cat >/etc/systemd/system/pi.service <<'END'\n{UNIT}END\n"
        "systemctl daemon-reload; systemctl enable --quiet --now pi.service; "
        "echo 0123456789abcdef0123456789abcdef >/etc/machine-id; hostname raspberrypi",
    )


def unclone(fleet: Fleet, node: str) -> None:
    """An ordinary host again."""
    fleet.on(
        node,
        "systemctl disable --quiet --now pi.service; umount /proc/cgroups /boot/firmware "
        "/sys/firmware; rm -rf /boot/firmware /var/pi-boot /var/dress-as-pi "
        "/etc/systemd/system/pi.service; systemctl daemon-reload; "
        f"tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id; hostname {node}; "
        f"echo {node} >/etc/hostname",
    )


@pytest.fixture
def clones(bare: Fleet) -> Iterator[Fleet]:
    if "kubelet-arg" not in bare.base["cluster"].get("config", {}):
        pytest.skip("these hosts have cgroup v2: no controller can be hidden from them")
    for node in ("agent-1", "agent-2"):
        clone(bare, node, LINE)
    yield bare
    for node in ("agent-1", "agent-2"):
        unclone(bare, node)


def test_24_no_reboot_names_the_exact_line(clones: Fleet) -> None:
    before = clones.snapshots()
    done = clones.install(clones.inventory(), "--no-reboot")
    exact = f"append ` cgroup_memory=1 cgroup_enable=memory` to the single line of {BOOT_FILE}"
    refused(done, "agent-1", "agent-2", exact, "same machine-id as agent-1")
    assert clones.snapshots() == before
    assert clones.on("agent-1", f"cat {BOOT_FILE}").strip() == LINE


def test_23_and_24_clones_without_cgroups_are_mended(clones: Fleet) -> None:
    boots = {n: clones.on(n, "cat /proc/sys/kernel/random/boot_id") for n in ("agent-1", "agent-2")}
    board = {"board": "rpi-3", "swap": "keep"}  # a lab host's swap is the machine's
    inventory = clones.inventory(agent_1=board, agent_2=board)
    done = clones.install(inventory)
    assert done.code == 0, done.all
    chosen = "board rpi-3 chooses profiles: [lean, sd-card], swap: zram"
    assert f"note: agent-1, agent-2: {chosen}" in done.out
    assert "preflight.board" not in done.out
    assert f"change {BOOT_FILE}" in done.out
    assert "reboot (new machine-id, cgroup controllers)" in done.out
    assert clones.nodes() == {"server-1": True, "agent-1": True, "agent-2": True}
    for node, boot in boots.items():
        assert clones.on(node, "cat /proc/sys/kernel/random/boot_id") != boot
        line = clones.on(node, f"cat {BOOT_FILE}")
        assert line == f"{LINE} cgroup_memory=1 cgroup_enable=memory\n"
        assert clones.on(node, f"cat {BOOT_FILE}.edgeboot-backup").strip() == LINE
        assert clones.on(node, "findmnt -n -o TARGET /boot/firmware").strip() == "/boot/firmware"
        # No battery keeps its clock: K3s's unit sets it forward first.
        assert "clock.sh yes 0" in clones.on(node, "systemctl cat k3s-agent")
        assert "GOGC='40'" in clones.on(node, "cat /etc/systemd/system/k3s-agent.service.env")
    ids = {clones.on(node, "cat /etc/machine-id") for node in boots}
    assert len(ids) == 2
    assert all(len(one.strip()) == 32 for one in ids)
    assert clones.on("agent-2", "cat /etc/hostname; uname -n").split() == ["agent-2", "agent-2"]
    plan = clones.run("plan", "-i", inventory)
    assert plan.code == 0, plan.all


def test_46_an_agent_that_cannot_reach_the_api(bare: Fleet) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    rule = (
        f"INPUT -p tcp --dport 6443 -s {bare.lab.host('agent-1').address} "
        "-j REJECT --reject-with tcp-reset"
    )
    with broken(bare, "server-1", f"iptables -I {rule}", f"iptables -D {rule}"):
        done = bare.install(inventory)
        refused(done, "agent-1: reach https://", "open 6443/tcp on server-1", code=4)
        assert bare.on("agent-1", "test -e /etc/systemd/system/k3s-agent.service; echo $?") == "1\n"
    done = bare.install(inventory)
    assert done.code == 0, done.all
    reimaged(bare, inventory)


def reimaged(fleet: Fleet, inventory: object) -> None:
    """Row 23's last part, on the cluster that is there: a node with a fresh card."""
    fleet.on(
        "agent-1",
        "systemctl disable --quiet --now k3s-agent; rm -rf /usr/local/bin/k3s /etc/rancher "
        "/etc/systemd/system/k3s* /var/lib/rancher/* /var/lib/edgeboot/*; systemctl daemon-reload",
    )
    done = fleet.install(inventory)  # type: ignore[arg-type]
    refused(done, "agent-1", "node password rejected", "--forget-node-passwords", code=4)
    done = fleet.install(inventory, "--forget-node-passwords")  # type: ignore[arg-type]
    assert done.code == 0, done.all
    assert "forget the node passwords of agent-1" in done.out
    assert fleet.nodes() == {"server-1": True, "agent-1": True}
