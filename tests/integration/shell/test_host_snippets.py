"""Hooks, firewalls, clocks and disks: the snippets, run by the shells that hosts have.

What they would change on a host is a directory of the test; programs that a host has and this
machine need not have (ufw, firewall-cmd, date that sets a clock) write down what they were told.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.integration.shell.snippets import Host

HOOK = ("hook-camera", "abc", "20", "pi-1", "agent")


def test_a_hook_runs_and_is_remembered(host: Host) -> None:
    out = host.root / "out"
    done = host.run("hook", *HOOK, stdin=f'echo "$EDGEBOOT_NODE $EDGEBOOT_ROLE $PWD" >{out}\n')
    assert done.returncode == 0, done.stderr
    assert out.read_text() == "pi-1 agent /\n"
    assert host.records() == {"done-hook-camera": "abc"}
    assert sorted(p.name for p in host.ours.iterdir()) == ["done-hook-camera", "journal"]


def test_the_last_words_of_a_hook_that_fails_are_told_and_it_runs_again(host: Host) -> None:
    done = host.run("hook", *HOOK, stdin="echo out; echo err >&2; exit 3\n")
    assert done.returncode == 3
    assert done.stderr == "out\nerr\n"
    assert host.records() == {}
    assert not list(host.ours.glob("hook-*"))


def test_a_hook_that_takes_too_long_is_stopped(host: Host) -> None:
    words = (*HOOK[:2], "1", *HOOK[3:])
    began = time.monotonic()
    done = host.run("hook", *words, stdin="echo begun; sleep 30\n")
    assert done.returncode != 0
    assert time.monotonic() - began < 20
    # One of BusyBox's builds says how its child ended.
    assert done.stderr.removeprefix("Terminated\n") == "stopped after 1 s\nbegun\n"
    assert host.records() == {}


def test_nothing_in_a_hook_is_expanded_on_its_way(host: Host) -> None:
    """Quotes, dollars, backticks, newlines: what the operator wrote is what sh reads."""
    out = host.root / "out"
    odd = 'it\'s "$HOME" `id` $(id) \\ ; & | * é\nsecond line'
    script = f"cat >{out} <<'END OF IT'\n{odd}\nEND OF IT\n"
    done = host.run("hook", *HOOK, stdin=script)
    assert done.returncode == 0, done.stderr
    assert out.read_text() == f"{odd}\n"


OPENINGS = "port tcp 6443 any\nport udp 8472 192.0.2.21\nport udp 8472 2001:db8::21\n"


def test_ufw_is_opened_and_closed_again(host: Host) -> None:
    host.program("ufw")
    (host.ours / "firewall").write_text(OPENINGS + "network 10.42.0.0/16\n")
    assert host.run("firewall", "firewall", "h1").returncode == 0
    assert sorted(host.said()) == [
        "ufw allow from 10.42.0.0/16",
        "ufw allow proto tcp from any to any port 6443",
        "ufw allow proto udp from 192.0.2.21 to any port 8472",
        "ufw allow proto udp from 2001:db8::21 to any port 8472",
        "ufw route allow from 10.42.0.0/16",
    ]
    host.told.unlink()
    (host.ours / "firewall").write_text(OPENINGS)  # the network is trusted no longer
    assert host.run("firewall", "firewall", "h2").returncode == 0
    assert "ufw delete allow from 10.42.0.0/16" in host.said()
    assert "ufw route delete allow from 10.42.0.0/16" in host.said()
    assert not any("delete" in line and "8472" in line for line in host.said())
    host.told.unlink()
    (host.ours / "firewall").unlink()
    assert host.run("firewall", "firewall", "-").returncode == 0
    assert sorted(host.said()) == [
        "ufw delete allow proto tcp from any to any port 6443",
        "ufw delete allow proto udp from 192.0.2.21 to any port 8472",
        "ufw delete allow proto udp from 2001:db8::21 to any port 8472",
    ]
    assert host.records() == {}
    assert not (host.ours / "firewall.applied").exists()


def test_firewalld_is_opened_by_address(host: Host) -> None:
    host.program("firewall-cmd")
    (host.ours / "firewall").write_text(OPENINGS + "network 10.42.0.0/16\n")
    assert host.run("firewall", "firewall", "h1").returncode == 0
    rule = "rule family={} source address={} port port=8472 protocol=udp accept"
    said = [line.replace('"', "") for line in host.said() if "--state" not in line]
    assert said == [
        "firewall-cmd --quiet --permanent --zone=trusted --add-source=10.42.0.0/16",
        "firewall-cmd --quiet --permanent --add-port=6443/tcp",
        *(
            f"firewall-cmd --quiet --permanent --add-rich-rule={rule.format(*words)}"
            for words in (("ipv4", "192.0.2.21"), ("ipv6", "2001:db8::21"))
        ),
        "firewall-cmd --quiet --reload",
    ]
    assert host.records() == {"done-firewall": "h1"}


def test_a_firewall_that_refuses_is_an_error(host: Host) -> None:
    host.program("ufw", "echo 'ERROR: bad rule' >&2; exit 1")
    (host.ours / "firewall").write_text(OPENINGS)
    done = host.run("firewall", "firewall", "h1")
    assert done.returncode != 0
    assert "bad rule" in done.stderr
    assert host.records() == {}


def set_times(host: Host, now: int, last: int) -> Path:
    """A host whose clock shows ``now``, and whose newest file is of ``last``."""
    host.program("date", f'if [ "$1" = +%s ]; then echo {now}; fi')
    data = host.root / "k3s"
    (data / "server" / "db").mkdir(parents=True)
    for path in (data / "server" / "db" / "state.db", host.ours / "bundle.json"):
        path.write_text("")
        os.utime(path, (last - 100, last - 100))
    os.utime(data / "server" / "db" / "state.db", (last, last))
    return data


@pytest.mark.parametrize(
    ("floor", "now", "is_set"),
    [("yes", 1_000, True), ("yes", 1_790_000_001, False), ("no", 1_000, False)],
)
def test_a_clock_is_set_forward_only(host: Host, floor: str, now: int, is_set: bool) -> None:
    data = set_times(host, now, 1_790_000_000)
    places = {"/var/lib/rancher/k3s": str(data), "/var/lib/systemd": "/nowhere", "/etc/": "/no/"}
    done = host.run("clock", floor, "0", **places)
    assert done.returncode == 0, done.stderr
    assert ("date -u -s @1790000000" in host.said()) == is_set
    assert ("set to the last known time" in done.stdout) == is_set


def test_waiting_for_a_time_server_ends(host: Host) -> None:
    set_times(host, 1_790_000_001, 1_790_000_000)
    host.program("chronyc", "exit 1")
    done = host.run("clock", "no", "2", **{"/run/systemd/timesync": "/nowhere"})
    assert done.returncode == 0
    assert "no time server answered within 2 s" in done.stdout
    host.program("chronyc", "echo 'Leap status     : Normal'")
    done = host.run("clock", "no", "2", **{"/run/systemd/timesync": "/nowhere"})
    assert (done.returncode, done.stdout) == (0, "")


def test_data_are_not_hidden_below_a_mount(host: Host) -> None:
    host.program("systemctl")
    data, disk = host.root / "k3s", host.root / "ssd" / "k3s"
    data.mkdir()
    (data / "server").mkdir()
    places = {"/var/lib/rancher/k3s": str(data)}
    done = host.run("storage", "storage", "h", str(disk), **places)
    assert done.returncode == 1
    assert "is not empty: the mount would hide its data" in done.stderr
    assert host.said() == []
    (data / "server").rmdir()
    host.program("systemctl", f"[ $1 != start ] || {{ rmdir {data}; ln -s {disk} {data}; }}")
    done = host.run("storage", "storage", "h", str(disk), **places)
    assert done.returncode == 0, done.stderr
    assert "systemctl start var-lib-rancher-k3s.mount" in host.said()
    assert host.records() == {"done-storage": "h"}


def test_packages_are_installed_and_do_not_stay(host: Host) -> None:
    host.program("dpkg")
    host.program("depmod")
    packages = [host.ours / name for name in ("a_1_arm64.deb", "b_1_arm64.deb")]
    for path in packages:
        path.write_text("")
    (host.ours / "owned").write_text("".join(f"{p}\n" for p in packages) + "/etc/kept\n")
    assert host.run("package", *map(str, packages)).returncode == 0
    assert host.said()[0] == f"dpkg --install {packages[0]} {packages[1]}"
    assert (host.ours / "owned").read_text() == "/etc/kept\n"
    assert not any(path.exists() for path in packages)


SWAPS = "Filename Type Size Used Priority\n/var/swap file 102396 0 -2\n"


def swap_places(host: Host, swaps: str) -> dict[str, str]:
    """A host that swaps, and whose kernel makes one zram device more."""
    (host.root / "swaps").write_text(swaps)
    (host.root / "block" / "zram7").mkdir(parents=True)
    (host.root / "hot_add").write_text("7\n")
    (host.root / "meminfo").write_text("MemTotal:         409600 kB\n")
    for name in ("swapoff", "swapon", "mkswap", "modprobe"):
        host.program(name)
    return {
        "/proc/swaps": str(host.root / "swaps"),
        "/proc/meminfo": str(host.root / "meminfo"),
        "/sys/block": str(host.root / "block"),
        "/sys/class/zram-control/hot_add": str(host.root / "hot_add"),
        "/run/edgeboot-swap": str(host.root / "run-swap"),
    }


def test_swap_on_a_card_gives_way_to_compressed_memory(host: Host) -> None:
    places = swap_places(host, SWAPS)
    done = host.run("swap", "start", "zram", **places)
    assert done.returncode == 0, done.stderr
    assert host.said() == [
        "swapoff /var/swap",
        "modprobe zram",
        "mkswap /dev/zram7",
        "swapon -p 100 /dev/zram7",
    ]
    assert (host.root / "block" / "zram7" / "disksize").read_text() == "204800K\n"
    host.told.unlink()
    assert host.run("swap", "stop", **places).returncode == 0
    assert host.said() == ["swapoff /dev/zram7"]
    assert not (host.root / "run-swap").exists()


def test_compressed_swap_that_is_there_already_is_left_alone(host: Host) -> None:
    places = swap_places(host, SWAPS.replace("/var/swap", "/dev/zram0"))
    assert host.run("swap", "start", "zram", **places).returncode == 0
    assert host.said() == []
    assert host.run("swap", "check", **places).returncode == 0


def test_swap_that_cannot_be_turned_off_is_said(host: Host) -> None:
    places = swap_places(host, SWAPS)
    host.program("swapoff", "echo 'swapoff failed: Cannot allocate memory' >&2; exit 255")
    host.program("sleep")
    assert host.run("swap", "start", "none", **places).returncode != 0
    done = host.run("swap", "check", **places)
    assert done.returncode == 1
    assert "not configured as requested: swapoff failed: Cannot allocate memory" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("journald", "h"), ["systemctl restart systemd-journald.service"]),
        (
            ("timesyncd", "h"),
            [
                "systemctl enable --quiet systemd-timesyncd.service",
                "systemctl restart systemd-timesyncd.service",
            ],
        ),
        (
            ("chrony", "h"),
            ["systemctl try-restart chrony.service", "systemctl try-restart chronyd.service"],
        ),
        (("wifi", "h", "wlan0"), ["iw dev wlan0 set power_save off", "nmcli general reload conf"]),
        (("wifi", "-"), []),
    ],
)
def test_a_host_goes_by_what_was_written(
    host: Host, words: tuple[str, ...], said: list[str]
) -> None:
    for name in ("systemctl", "iw", "nmcli"):
        host.program(name)
    (host.root / "systemd").mkdir()
    done = host.run("activate", *words, **{"/run/systemd/system": str(host.root / "systemd")})
    assert done.returncode == 0, done.stderr
    assert host.said() == said
    assert host.records() == ({f"done-{words[0]}": "h"} if words[1] == "h" else {})
