"""Ctrl-C and SIGTERM, on the real command: what it says, its exit code, and closed connections.

That the end is prompt shows in what is said: the last resort, after some seconds, says "cut off".
"""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.transport.sshd import Lab

CLOSED = "error: interrupted: all connections are closed [interrupted]\n  next: rerun: edgeboot"
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@dataclass
class Site:
    """A directory to call ``edgeboot`` in, with an inventory."""

    home: Path

    def inventory(self, *ports: int, ssh: str = "") -> None:
        lines = ["cluster: {name: edge}", "nodes:"]
        for number, port in enumerate(ports, 1):
            role = "server" if number == 1 else "agent"
            lines.append(
                f"  - {{name: node-{number}, address: 127.0.0.{number}, role: {role}, "
                f"ssh: {{user: root, port: {port}{ssh}}}}}"
            )
        (self.home / "inventory.yml").write_text("\n".join(lines) + "\n")

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        options = () if "init" in words else ("-i", "inventory.yml")
        environment = {**os.environ, "HOME": str(self.home)}
        environment.pop("SSH_AUTH_SOCK", None)
        environment.pop("XDG_STATE_HOME", None)
        return subprocess.Popen(
            [sys.executable, "-m", "edgeboot", *words, *options],
            cwd=self.home,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def is_closed(accepted: socket.socket) -> bool:
    """Reads to the end of what the client sent; an end there is proof."""
    accepted.settimeout(30)
    try:
        while accepted.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


@SIGNALS
@pytest.mark.parametrize(
    "words", [("status",), ("kubeconfig",), ("reset", "--plan"), ("inventory", "init", "--yes")]
)
def test_while_a_host_says_nothing(
    site: Site, silent: socket.socket, words: tuple[str, ...], number: signal.Signals
) -> None:
    port = silent.getsockname()[1]
    site.inventory(port)
    more = (f"127.0.0.1:{port}", "--out", "new.yml") if "init" in words else ()
    run = site.start(*words, *more)
    accepted, _ = silent.accept()
    accepted.recv(100)  # its banner: it waits for ours now
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.count(CLOSED) == 1
    assert said.count("error:") == 1
    assert is_closed(accepted)


def test_while_more_hosts_than_workers_say_nothing(site: Site) -> None:
    with socket.create_server(("", 0)) as server:
        server.settimeout(30)
        site.inventory(*[server.getsockname()[1]] * 13)
        run = site.start("status")
        accepted = [server.accept()[0] for _ in range(10)]
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.count(CLOSED) == said.count("error:") == 1
    assert all(map(is_closed, accepted))


def test_while_a_host_answers_no_packet(
    site: Site, eventually: Callable[[Callable[[], bool], float], bool]
) -> None:
    """A listener whose queue is full drops what would connect, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            site.inventory(port)
            run = site.start("status")
            assert eventually(lambda: _is_dialling(port), 30)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.count(CLOSED) == said.count("error:") == 1


def _is_dialling(port: int) -> bool:
    """Whether a SYN to the port is unanswered: state 02 in /proc/net/tcp."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows)


@SIGNALS
def test_while_a_command_runs_on_a_host(
    site: Site,
    lab: Lab,
    number: signal.Signals,
    eventually: Callable[[Callable[[], bool], float], bool],
) -> None:
    started = lab.home / "started"
    server = lab.sshd(f"ForceCommand touch {started}; exec tail --pid=$PPID -f /dev/null")
    site.inventory(server.port, ssh=f", key: {lab.key}, host-key: '{server.public()}'")
    run = site.start("status")
    assert eventually(started.exists, 30)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.count(CLOSED) == said.count("error:") == 1
    assert eventually(lambda: server.sessions() == [], 30)


@pytest.mark.parametrize("asked_by", ["the main thread", "a worker"])
@SIGNALS
def test_while_it_asks(site: Site, lab: Lab, asked_by: str, number: signal.Signals) -> None:
    """On a terminal, which shows again afterwards what is typed."""
    server = lab.sshd()
    key = site.home / "id"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True
    )  # its passphrase is asked for where the server is met
    site.inventory(server.port, ssh=f", key: {key}, host-key: '{server.public()}'")
    words = ("status", "--ask-pass") if asked_by == "the main thread" else ("status",)
    question = "Password of the hosts:" if asked_by == "the main thread" else "Passphrase of"
    terminal, child = pty.openpty()
    run = site.start(*words, stdin=child)
    assert run.stderr
    said = ""
    while question not in said:
        assert select.select([run.stderr], [], [], 60)[0], said
        data = os.read(run.stderr.fileno(), 4096).decode()
        assert data, said
        said += data
    assert not termios.tcgetattr(child)[3] & termios.ECHO
    run.send_signal(number)
    _, rest = run.communicate(timeout=60)
    assert run.returncode == 130, said + rest
    assert rest.startswith("\n" + CLOSED), said + rest
    assert termios.tcgetattr(child)[3] & termios.ECHO
    os.close(terminal)
    os.close(child)


_STUCK = """
import threading
from edgeboot.cli.run import interruption
from edgeboot.transport.ssh.cancellation import Cancellation

class Stuck:
    def close(self):
        threading.Event().wait()

interruption.GONE_WITHIN = {seconds}
with interruption.closing_on_signals({{"a": Stuck()}}, Cancellation()):
    try:
        print("ready", flush=True)
        threading.Event().wait()
    finally:
        print("unwinding", flush=True)
        threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("seconds", "signals", "when"), [(0.1, 1, "after 0.1 s"), (600, 2, "at the second signal")]
)
def test_the_last_resort(seconds: float, signals: int, when: str) -> None:
    """Where nothing ends by being closed: after some seconds, or when told so twice."""
    run = subprocess.Popen(
        [sys.executable, "-c", _STUCK.format(seconds=seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    for word in ("ready\n", "unwinding\n")[:signals]:
        assert run.stdout.readline() == word
        run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.startswith(f"error: interrupted: cut off {when} [interrupted]\n  next: rerun: ")
