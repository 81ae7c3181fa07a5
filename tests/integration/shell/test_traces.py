"""What a reset takes of pods that have run, and what of somebody else's it leaves."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.integration.shell.snippets import Host

PLACES = ("/run/containerd", "/run/nri", "/usr/libexec", "/etc/rancher", "/var/lib/rancher")


def clear(host: Host) -> Path:
    host.program("systemctl")
    root = host.root / "h"
    places = {place: str(root / place[1:]) for place in (*PLACES, "/etc/systemd")}
    done = host.run("clear", "paths", **places)
    assert done.returncode == 0, done.stderr
    return root


def test_dead_sockets_go_and_those_of_living_shims_stay(host: Host) -> None:
    sockets = host.root / "h" / "run" / "containerd" / "s"
    state = sockets.parent / "runc" / "k8s.io" / "id"
    for made in (sockets, state):
        made.mkdir(parents=True)
    dead, living = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with living:
        with dead:
            dead.bind(str(sockets / "dead"))
        living.bind(str(sockets / "living"))
        living.listen()
        root = clear(host)
        assert [p.name for p in sockets.iterdir()] == ["living"]
    assert not state.exists()
    clear(host)
    assert not (root / "run" / "containerd").exists()


def test_a_containerd_of_somebody_else_keeps_its_own(host: Host) -> None:
    state = host.root / "h" / "run" / "containerd" / "runc" / "k8s.io" / "id"
    state.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(host.root / "h" / "run" / "containerd" / "containerd.sock"))
        clear(host)
    assert state.exists()
