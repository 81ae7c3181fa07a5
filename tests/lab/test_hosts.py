"""Hosts that are up: what they are like, and what can be done to them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from edgeboot.errors import Refused
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import Lab
from edgeboot_lab.nspawn.hosts import LabHost

pytestmark = pytest.mark.lab


def ssh(host: LabHost, *command: str, user: str = "edge") -> subprocess.CompletedProcess[str]:
    """Run a command over SSH, as ``edgeboot lab ssh`` would."""
    argv = [*host.ssh_argv(user), *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def inside(host: LabHost, script: str) -> str:
    """What a shell in the host prints."""
    done = host.exec(("sh", "-euc", script))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def wait_until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ssh_as_a_user_with_sudo_and_as_root(pair: Lab) -> None:
    for host in pair.hosts:
        assert ssh(host, "hostname; id -un; sudo -n id -un").stdout.split() == [
            host.name,
            "edge",
            "root",
        ]
        assert ssh(host, "id -un", user="root").stdout == "root\n"


def test_the_host_key_is_pinned(pair: Lab) -> None:
    server, agent = pair.hosts
    pinned = pair.files.known_hosts.read_text()
    agents_key = next(line for line in pinned.splitlines() if line.startswith(agent.address))
    swapped = agents_key.replace(agent.address, server.address) + "\n"
    pair.files.known_hosts.write_text(swapped)
    try:
        refused = ssh(server, "true")
    finally:
        pair.files.known_hosts.write_text(pinned)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr
    offered = inside(server, "ls /etc/ssh/ssh_host_*_key; sshd -T | grep '^hostkey '")
    only = "/etc/ssh/ssh_host_ed25519_key"
    assert offered.split() == [only, "hostkey", only]


def test_private_files_are_private(pair: Lab) -> None:
    assert pair.files.root.stat().st_mode & 0o777 == 0o700
    for path in (pair.key, pair.inventory, pair.files.record):
        assert path.stat().st_mode & 0o777 == 0o600


def test_hosts_reach_each_other_and_nothing_else(pair: Lab) -> None:
    server, agent = pair.hosts
    for one, other in ((server, agent), (agent, server)):
        inside(one, f"ping -c 1 -W 2 {other.address}; ping -c 1 -W 2 {other.name}")
        gateway = str(one.lab.gateway)
        assert inside(one, "ip route show default").startswith(f"default via {gateway} dev eth0")
    assert server.exec(("ping", "-c", "1", "-W", "1", "192.0.2.1")).returncode != 0


def test_every_host_is_its_own(pair: Lab) -> None:
    ids = {inside(host, "cat /etc/machine-id") for host in pair.hosts}
    assert len(ids) == len(pair.hosts)
    assert all(len(one) == 32 for one in ids)
    keys = {inside(host, "cat /etc/ssh/ssh_host_ed25519_key.pub") for host in pair.hosts}
    assert len(keys) == len(pair.hosts)


def test_no_python_and_a_healthy_systemd(pair: Lab) -> None:
    for host in pair.hosts:
        found = inside(host, "find / -xdev -name '*python*' ! -path '/usr/share/*' || true")
        assert found == ""
        assert inside(host, "systemctl is-system-running --wait || systemctl --failed") == "running"


def test_the_memory_ceiling_is_seen_and_real(pair: Lab) -> None:
    host = pair.hosts[1]
    limit = inside(
        host, "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max"
    )
    assert int(limit) == host.lab.memory_bytes == 512 << 20
    eater = host.exec(("sh", "-c", "head -c 700M /dev/zero | tail -n 1 | wc -c"), timeout=60)
    assert b"734003200" not in eater.stdout
    assert inside(host, "echo alive") == "alive"


def test_what_k3s_needs_is_there(pair: Lab) -> None:
    script = """
        test -c /dev/kmsg
        grep -q '^CapEff:.*ffff' /proc/self/status
        test -w /proc/sys/net/ipv4/ip_forward
        for kind in memory cpu pids; do
            top=/sys/fs/cgroup/$kind
            [ -d "$top" ] || top=/sys/fs/cgroup
            mkdir "$top/try-$kind"; rmdir "$top/try-$kind"
        done
        for bound in rancher edgeboot; do
            test "$(stat -f -c %T /var/lib/$bound)" != overlayfs
        done
        d=/var/lib/rancher/try; mkdir $d $d/lower $d/upper $d/work $d/merged
        mount -t overlay overlay -o lowerdir=$d/lower,upperdir=$d/upper,workdir=$d/work $d/merged
        umount $d/merged; rm -r $d
        iptables -t nat -L -n >/dev/null
        ip link add try0 type vxlan id 7 dstport 4789 dev eth0; ip link delete try0
    """
    inside(pair.hosts[0], script)


def test_exec_gives_streams_status_and_input(pair: Lab) -> None:
    host = pair.hosts[0]
    done = host.exec(("sh", "-c", "cat; echo no >&2; exit 7"), stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"in", b"no\n")
    assert host.exec(("printf", "%s|", "a b", "$(id)", "'")).stdout == b"a b|$(id)|'|"


def test_paths_seen_from_outside(pair: Lab) -> None:
    host = pair.hosts[0]
    for path in ("/etc/try", "/var/lib/rancher/try", "/var/lib/edgeboot/try"):
        inside(host, f"echo {path} >{path}")
        assert host.path(path).read_text() == f"{path}\n"
        host.path(path).unlink()


def test_frozen_is_silent_and_thawed_goes_on(pair: Lab) -> None:
    host = pair.host("agent-1")
    before = host.pid
    host.freeze()
    try:
        assert host.state == "frozen"
        with pytest.raises(Refused, match="frozen"):
            host.exec(("true",))
        argv = [*host.ssh_argv()[:-1], "-o", "ConnectTimeout=1", host.ssh_argv()[-1], "true"]
        done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
        assert done.returncode == 255
    finally:
        host.thaw()
    labs.wait_for_ssh(host)
    assert host.pid == before
    assert host.state == "running"


def test_a_power_cut_keeps_files_and_nothing_else(pair: Lab) -> None:
    host = pair.host("agent-1")
    inside(host, "echo kept >/etc/kept; echo kept >/var/lib/rancher/kept; echo lost >/run/lost")
    inside(host, "ip link add cni0 type bridge; iptables -A INPUT -s 192.0.2.9 -j DROP")
    inside(host, "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.2")
    assert ssh(pair.host("server-1"), f"ping -c 1 -W 1 {host.address}").returncode == 0
    boot = inside(host, "cat /proc/sys/kernel/random/boot_id")
    with pytest.raises(Refused, match="running"):
        host.start()

    host.crash()
    assert (host.pid, host.state) == (None, "off")
    with pytest.raises(Refused, match="off"):
        host.exec(("true",))
    assert ssh(pair.host("server-1"), f"ping -c 1 -W 1 {host.address}").returncode != 0

    host.start()
    labs.wait_for_ssh(host)
    assert inside(host, "cat /etc/kept /var/lib/rancher/kept") == "kept\nkept"
    assert inside(host, "ls /run/lost 2>/dev/null || echo gone") == "gone"
    assert inside(host, "ip -o link | grep -c cni0 || iptables -S INPUT") == "0\n-P INPUT ACCEPT"
    assert inside(host, "pgrep -c sleep || true") == "0"
    assert inside(host, "cat /proc/sys/kernel/random/boot_id") != boot
    assert ssh(pair.host("server-1"), f"ping -c 1 -W 1 {host.address}").returncode == 0


def test_reboot_and_poweroff_from_inside(pair: Lab) -> None:
    host = pair.host("agent-1")
    before = host.pid
    ssh(host, "sudo -n systemctl reboot")
    wait_until(lambda: host.pid not in (None, before))
    labs.wait_for_ssh(host)
    ssh(host, "sudo -n systemctl poweroff")
    wait_until(lambda: host.state == "off")
    host.start()
    labs.wait_for_ssh(host)
    assert host.state == "running"


def test_labs_are_listed(pair: Lab) -> None:
    listed = labs.list_labs(pair.files.state_dir)
    assert [(status.lab.name, status.states) for status in listed] == [
        (pair.name, ("running", "running"))
    ]
    found = labs.find_host("server-1", pair.name, pair.files.state_dir)
    assert found == pair.host("server-1")
    assert found.pid is not None
