"""Faults that take booted hosts; numbers are rows of the catalogue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from edgeboot.blob import BytesSource
from edgeboot.cli.run.connect import target_of
from edgeboot.inventory.load import load
from edgeboot.transport.base import Snippet
from edgeboot.transport.ssh.connection import SshTransport, connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot_lab.lab import wait_for_ssh
from tests.faults.running import installing
from tests.support.fleet import Fleet

BINARY = "/usr/local/bin/k3s"


def converged(fleet: Fleet, inventory: Path) -> None:
    assert fleet.nodes() == {"server-1": True, "agent-1": True}
    assert fleet.run("plan", "-i", inventory).code == 0
    stages = fleet.on("server-1", "find / -xdev -name '.edgeboot-*'")
    assert stages == ""


def kill_sessions(fleet: Fleet, node: str) -> None:
    """Cuts every SSH connection of a host: what serves them is killed, the listener is not."""
    fleet.on(
        node,
        "for p in $(pgrep -f '^sshd: [a-z]* \\[priv|^sshd: [a-z]*$|^sshd: [a-z]*@'); do"
        " kill -9 $p; done; true",
    )


@contextmanager
def slow(fleet: Fleet, rate: str) -> Iterator[None]:
    """A slow uplink: what the controller sends is shaped."""
    bridge = fleet.lab.host("server-1").bridge
    qdisc = ("root", "tbf", "rate", rate, "burst", "32kbit", "latency", "400ms")
    tc("qdisc", "replace", "dev", bridge, *qdisc)
    try:
        yield
    finally:
        tc("qdisc", "del", "dev", bridge, "root")


def tc(*words: str) -> None:
    subprocess.run(["tc", *words], check=True)


def test_01_a_broken_upload_goes_on_at_a_verified_offset(bare: Fleet) -> None:
    """Cut at about 10, 50 and 90 % of the binary, in one run that ends well."""
    inventory = bare.inventory("server-1", "agent-1")
    with slow(bare, "16mbit"), installing(bare, inventory) as running:
        for share in (0.1, 0.5, 0.9):
            cut = running.until(
                "BytesSent",
                node="server-1",
                name=BINARY,
                done=lambda done, share=share: done > share * size_of(bare),
            )
            kill_sessions(bare, "server-1")
        assert cut["total"] == size_of(bare)
        assert running.end() == 0, running.said
    sent = [
        e["done"]
        for e in running.events
        if e["event"] == "BytesSent" and e["node"] == "server-1" and e["name"] == BINARY
    ]
    drops = [(a, b) for a, b in pairwise(sent) if b < a]
    # After each cut it goes on near where it was: what was on its way is lost, not what was there.
    assert all(b > 0 for _, b in drops), drops
    assert any("already sent" in e.get("step", "") for e in running.events)
    converged(bare, inventory)


def size_of(fleet: Fleet) -> int:
    return (fleet.work / "release" / "k3s").stat().st_size


def test_02_a_slow_link_is_no_dead_link_and_progress_is_no_lie(bare: Fleet) -> None:
    """A megabit: far longer than the stall timer in all, and what counts as sent is on its way."""
    data = os.urandom(800_000)
    source = BytesSource(data)
    told: list[tuple[float, int]] = []
    transport = connected_to(bare, "agent-1")
    try:
        with slow(bare, "1mbit"):
            began = time.monotonic()
            words = ("/root/slow", "600", source.sha256)
            done = transport.put(
                source,
                Snippet("put", words),
                progress=lambda sent: told.append((time.monotonic() - began, sent)),
                stall=4.0,
            )
            whole = time.monotonic() - began
    finally:
        transport.close()
    assert done.ok, done
    assert bare.on("agent-1", "sha256sum </root/slow; rm /root/slow").split()[0] == source.sha256
    half = next(at for at, sent in told if sent >= len(data) // 2)
    assert 0.2 < half / whole < 0.8, (half, whole)


def connected_to(fleet: Fleet, name: str) -> SshTransport:
    nodes = {node.name: node for node in load(fleet.inventory()).nodes}
    keys = HostKeys(accept_new=False, announce=lambda _line: None)
    return connect(target_of(nodes[name]), keys)


def test_09_a_disk_that_fills_during_the_upload_keeps_the_old_version(bare: Fleet) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    fill = "mkdir -p /usr/local/bin && mount -t tmpfs -o size=1m none /usr/local/bin"
    bare.on("agent-1", f"{fill} && echo old >{BINARY}")
    try:
        # What preflight sees is what another program takes while the file is sent.
        bare.on("agent-1", "mount -o remount,size=500m /usr/local/bin")
        with slow(bare, "40mbit"), installing(bare, inventory) as running:
            running.until("BytesSent", node="agent-1", name=BINARY)
            bare.on("agent-1", "mount -o remount,size=2m /usr/local/bin")
            assert running.end() == 4
        assert "No space left on device" in running.said
        assert bare.on("agent-1", f"cat {BINARY}; ls -A /usr/local/bin") == "old\nk3s\n"
    finally:
        bare.on("agent-1", "umount /usr/local/bin")


def test_12_a_reboot_in_the_middle_converges_in_the_same_run(bare: Fleet) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    agent = bare.lab.host("agent-1")
    with slow(bare, "40mbit"), installing(bare, inventory) as running:
        running.until("BytesSent", node="agent-1", name=BINARY)
        agent.crash()
        agent.start()
        wait_for_ssh(agent)
        assert running.end() == 0, running.said
    converged(bare, inventory)
    journal = bare.on("agent-1", "cat /var/lib/edgeboot/journal")
    steps = [line.split("\t") for line in journal.splitlines()]
    assert {len(words) for words in steps} == {5}
    assert [words[3:] for words in steps].count(["run", "begun"]) == 1
    assert [f"put {BINARY}", "done"] in [words[3:] for words in steps]
    assert bare.on("agent-1", "stat -c %a /var/lib/edgeboot/journal").strip() == "600"


POINTS = {
    "the plan is shown": ("Plan", {}, signal.SIGTERM),
    "an upload is under way": ("BytesSent", {"name": BINARY}, signal.SIGINT),
    "the server is waited for": ("Waiting", {}, signal.SIGINT),
}


@pytest.mark.parametrize("point", POINTS)
def test_25_a_signal_ends_it_and_gives_the_locks_back(bare: Fleet, point: str) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    kind, fields, number = POINTS[point]
    uploading = slow(bare, "40mbit") if kind == "BytesSent" else nullcontext()
    with uploading, installing(bare, inventory) as running:
        running.until(kind, **fields)
        running.process.send_signal(number)
        assert running.process.wait(timeout=60) == 130
        # The last resort, some seconds later, would say "cut off".
        assert "error: interrupted: all connections are closed [interrupted]" in running.said
        assert "Traceback" not in running.said
        for node in ("server-1", "agent-1"):
            assert free(bare, node)


def free(fleet: Fleet, node: str) -> bool:
    """Whether a host's lock is nobody's, now or in a moment."""
    lock = "/var/lib/edgeboot/lock"
    for _ in range(50):
        if fleet.on(node, f"if [ ! -e {lock} ] || flock -n {lock} true; then echo free; fi"):
            return True
        time.sleep(0.1)
    return False


def test_27_the_second_operator_is_told_who_holds_the_lock(bare: Fleet) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    # So slow that the first one is at work until it is killed, however long the others take.
    with slow(bare, "2mbit"), installing(bare, inventory) as first:
        first.until("BytesSent", name=BINARY)
        for _ in range(3):
            with installing(bare, inventory) as second:
                assert second.end() == 5
            assert f"(process {first.process.pid})" in second.said
        os.kill(first.process.pid, signal.SIGKILL)  # its lock dies with its connection
        first.process.wait()
    assert all(free(bare, node) for node in ("server-1", "agent-1"))
    assert bare.install(inventory).code == 0
    converged(bare, inventory)


def test_45_a_server_that_never_becomes_ready_is_rolled_back(bare: Fleet) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    drop_in = "/etc/systemd/system/k3s.service.d"
    bare.on(
        "server-1",
        f"mkdir -p {drop_in}; printf '[Service]\\nEnvironment=K3S_STANDIN_NEVER_READY=1\\n' "
        f">{drop_in}/never.conf",
    )
    done = bare.run("install", "-i", inventory, "--yes", "--timeout", "4")
    assert done.code == 4, done.all
    assert "last lines of its journal" in done.err
    assert "rolled back: k3s is stopped and disabled" in done.err
    assert "log: " in done.err
    state = bare.on("server-1", "systemctl is-active k3s; systemctl is-enabled k3s; true")
    assert state.split() == ["inactive", "disabled"]
    log = Path(done.err.partition("log: ")[2].split()[0])
    assert log.stat().st_mode & 0o777 == 0o600
    assert "FAILED" in log.read_text() or "ended: FleetError" in log.read_text()
    bare.on("server-1", f"rm -r {drop_in}; systemctl daemon-reload")
    assert bare.install(inventory).code == 0
    converged(bare, inventory)


def test_one_pi_is_off_today(bare: Fleet) -> None:
    """Off at the beginning, and only the others are installed; then only it is."""
    inventory = bare.inventory(agent_1={"address": "127.0.0.1", "ssh": {"port": 1}})
    done = bare.run("install", "-i", inventory, "--yes", "--skip-unreachable", "--output", "jsonl")
    assert done.code == 3, done.all
    assert "left out: agent-1" in done.err
    assert bare.nodes() == {"server-1": True}
    assert json.loads(done.out.splitlines()[-1])["event"] == "Done"
    inventory = bare.inventory()
    before = bare.snapshot("server-1")
    done = bare.install(inventory, "--limit", "agent-1")
    assert done.code == 0, done.all
    assert bare.nodes() == {"server-1": True, "agent-1": True}
    changed = set(before.splitlines()) ^ set(bare.snapshot("server-1").splitlines())
    assert not [line for line in changed if line.startswith(("/usr", "/etc/systemd", "Exec"))]
    words = ("--limit", "agent-1", "--window", "2", "--no-pods")
    done = bare.run("verify", "-i", inventory, *words)
    assert done.code == 0, done.all


def test_05_a_name_that_does_not_resolve_fails_before_any_write(bare: Fleet) -> None:
    before = bare.snapshots()
    done = bare.install(bare.inventory(agent_1={"address": "no-such-host.invalid"}))
    assert done.code == 3
    assert "cannot resolve its name" in done.err
    assert bare.snapshots() == before


def behind_server(fleet: Fleet) -> Path:
    """An inventory in which agent-1 is reached through server-1."""
    document = yaml.safe_load(fleet.inventory().read_text())
    keys = {node["name"]: node["ssh"]["host-key"] for node in document["nodes"]}
    ssh = document["defaults"]["ssh"]
    address = fleet.lab.host("server-1").address
    jump = {**ssh, "address": address, "host-key": keys["server-1"]}
    for node in document["nodes"]:
        if node["name"] == "agent-1":
            node["ssh"]["jump"] = jump
    path = fleet.work / "jump.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def test_06_a_jump_host_that_dies_takes_the_hosts_behind_it_along_cleanly(bare: Fleet) -> None:
    """All of them fail, each by its name; then the upload goes on where it was."""
    inventory = behind_server(bare)
    with slow(bare, "40mbit"), installing(bare, inventory, "--retry-for", "0") as running:
        running.until(
            "BytesSent", node="agent-1", name=BINARY, done=lambda done: done > size_of(bare) // 2
        )
        bare.on("server-1", "systemctl stop ssh.socket ssh; true")
        kill_sessions(bare, "server-1")
        assert running.end() == 3
    errors = [line for line in running.said.splitlines() if line.startswith("error: ")]
    assert any("agent-1" in line for line in errors), running.said
    assert "Traceback" not in running.said
    bare.on("server-1", "systemctl start ssh; true")
    wait_for_ssh(bare.lab.host("server-1"))
    planned = bare.run("plan", "-i", inventory)
    assert "already sent" in planned.out, planned.all
    done = bare.install(inventory)
    assert done.code == 0, done.all
    converged(bare, inventory)


@pytest.mark.timeout(180)
def test_27_a_frozen_operator_loses_its_locks(bare: Fleet) -> None:
    """No heartbeat, no lock: nobody has to log in and remove anything."""
    inventory = bare.inventory("server-1", "agent-1")
    with installing(bare, inventory) as first:
        first.until("BytesSent", name=BINARY)
        first.process.send_signal(signal.SIGSTOP)
        done = bare.install(inventory)
        assert done.code == 5, done.all
        for _ in range(150):
            if "free" in bare.on(
                "server-1", "flock -n /var/lib/edgeboot/lock true && echo free || true"
            ):
                break
            time.sleep(0.5)
        done = bare.install(inventory)
        assert done.code == 0, done.all
        # It wakes up, finds the lock gone, and the cluster as it should be: it must not do harm.
        first.process.send_signal(signal.SIGCONT)
        assert first.end() in {0, 3, 4, 5}, first.said
        assert "Traceback" not in first.said
    converged(bare, inventory)
