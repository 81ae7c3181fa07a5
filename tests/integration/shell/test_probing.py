"""What probe pods run, and what guards them on the host, in the shells that hosts have."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from edgeboot import shell
from edgeboot.verify.probes.pods import ASK


def guard(sh: tuple[str, ...], top: Path) -> subprocess.Popen[bytes]:
    """The guard of a namespace, with a K3s that notes what it is asked."""
    k3s = top / "k3s"
    k3s.write_text(f'#!/bin/sh\necho "$*" >>{top}/asked\n')
    k3s.chmod(0o755)
    text = shell.text("probe-guard").replace("/usr/local/bin/k3s", str(k3s))
    started = subprocess.Popen(
        [*sh, "-c", text, "probe-guard", "edgeboot-probe-1", str(top / "mark")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    return started


def let_go(started: subprocess.Popen[bytes]) -> None:
    """Ends its heartbeat, as a connection that ends does."""
    started.communicate(b"...", timeout=30)


def test_a_guard_removes_the_namespace_when_the_connection_ends(
    sh: tuple[str, ...], tmp_path: Path
) -> None:
    let_go(guard(sh, tmp_path))
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("kubectl delete namespace edgeboot-probe-1 --ignore-not-found")
    assert not (tmp_path / "mark").exists()


def test_a_guard_starts_nothing_where_all_is_removed(sh: tuple[str, ...], tmp_path: Path) -> None:
    started = guard(sh, tmp_path)
    (tmp_path / "mark").unlink()
    let_go(started)
    assert not (tmp_path / "asked").exists()


def test_a_guard_leaves_alone_what_a_later_run_guards(sh: tuple[str, ...], tmp_path: Path) -> None:
    started = guard(sh, tmp_path)
    (tmp_path / "mark").write_text("edgeboot-probe-2\n")
    let_go(started)
    assert not (tmp_path / "asked").exists()
    assert (tmp_path / "mark").exists()


def test_what_pods_run_finds_out_what_answers_and_what_does_not(tmp_path: Path) -> None:
    """busybox itself, as in the pods; its httpd and a listener on loopback stand for the others."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox here")
    with socket.create_server(("127.0.0.1", 0)) as https, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web = free.getsockname()[1]
        free.close()
        (tmp_path / "hostname").write_text("first-a\n")
        argv = [busybox, "httpd", "-f", "-p", f"127.0.0.1:{web}", "-h", str(tmp_path)]
        server = subprocess.Popen(argv)
        script = (
            ASK.replace(":8080", f":{web}")
            .replace("/dev/termination-log", str(tmp_path / "log"))
            .replace("sleep 2", "sleep 0.2")
        )
        applets = tmp_path / "bin"
        applets.mkdir()
        subprocess.run([busybox, "--install", "-s", str(applets)], check=True)
        env = {"PEERS": "a=127.0.0.1 b=127.0.0.9 c=127.0.0.1 ", "WANTED": "a b", "NAME": ""}
        ports = f"{web} {https.getsockname()[1]}"
        env |= {"DNS": "", "INGRESS": ports, "NODE_IP": "127.0.0.1", "PATH": str(applets)}
        try:
            subprocess.run([busybox, "sh", "-c", script], env=env, check=True, timeout=60)
        finally:
            server.kill()
            server.wait()
    log = (tmp_path / "log").read_text().splitlines()
    assert log[0] == "peer a ok first-a"
    assert log[1].startswith("peer b failed 127.0.0.9: ")
    assert log[2:] == [f"ingress-{port} ok" for port in ports.split()]
