"""Uploads, held commands, and faults 3-7 of the catalogue: silence, resets, MaxStartups …"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgeboot.blob import BytesSource
from edgeboot.errors import StepFailed, Unreachable
from edgeboot.transport.base import Argv, Result, Snippet, Transport
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.target import Hop, SshTarget
from tests.integration.transport.sshd import Lab, Sshd

pytestmark = pytest.mark.integration

Eventually = Callable[..., bool]


def _nothing(_done: int) -> None:
    pass


@dataclass(frozen=True)
class Zeros:
    """A source as long as one likes; ``at`` a point something is done."""

    size: int
    at: int = -1
    act: Callable[[], None] = lambda: None
    sha256: str = ""

    def open(self) -> Iterator[bytes]:
        for start in range(0, self.size, 1 << 20):
            if start == self.at:
                self.act()
            yield bytes(min(1 << 20, self.size - start))


def _signal(server: Sshd, number: int) -> Callable[[], None]:
    def act() -> None:
        for pid in server.sessions():
            with suppress(ProcessLookupError):  # one that ended meanwhile
                os.kill(pid, number)

    return act


# -- put


@pytest.mark.parametrize("user", ["root", "fish"])
def test_put_writes_and_tells_how_far_it_is(lab: Lab, user: str) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users.get(user, user)))
    data = os.urandom(30_000_000)
    source = BytesSource(data)
    told: list[int] = []
    where = str(lab.home / "uploaded file")
    result = host.put(source, Snippet("cat", (where,)), progress=told.append, stall=10)
    assert result.stdout.split()[0] == source.sha256
    assert Path(where).read_bytes() == data
    assert told[-1] == len(data)
    assert told == sorted(told)


def test_put_across_many_key_exchanges(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd("RekeyLimit 1M")))
    result = host.put(Zeros(40 << 20), Snippet("count"), progress=_nothing, stall=20)
    assert int(result.stdout) == 40 << 20


def test_put_returns_the_failure_of_a_command_that_stops_reading(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    command = Snippet("script", ("head -c 5 >/dev/null; echo no space >&2; exit 28",))
    result = host.put(Zeros(100 << 20), command, progress=_nothing, stall=10)
    assert (result.exit_code, result.stderr) == (28, "no space\n")
    assert host.run(Argv(("true",)), deadline=5).ok


def test_put_notices_a_command_that_reads_nothing(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    with pytest.raises(Unreachable, match="no progress for 1 s"):
        host.put(Zeros(50 << 20), Snippet("script", ("sleep 15",)), progress=_nothing, stall=1)
    assert host.run(Argv(("true",)), deadline=5).ok


def test_put_says_when_its_own_source_cannot_be_read(lab: Lab) -> None:
    def fail() -> None:
        raise OSError("disk gone")

    host = lab.connect(lab.target(lab.sshd()))
    with pytest.raises(StepFailed, match="disk gone"):
        host.put(Zeros(9 << 20, 5 << 20, fail), Snippet("count"), progress=_nothing, stall=5)
    assert host.run(Argv(("true",)), deadline=5).ok


def test_a_connection_killed_in_the_middle_of_a_put(lab: Lab) -> None:
    server = lab.sshd()
    host = lab.connect(lab.target(server))
    source = Zeros(60 << 20, 30 << 20, _signal(server, signal.SIGKILL))
    with pytest.raises(Unreachable, match="connection was lost") as error:
        host.put(source, Snippet("count"), progress=_nothing, stall=20)
    assert "node-1" in str(error.value)
    with pytest.raises(Unreachable):
        host.run(Argv(("true",)), deadline=5)


# -- silence


@pytest.mark.parametrize("what", ["run", "put", "hold", "idle"])
def test_a_frozen_server_is_noticed(lab: Lab, what: str) -> None:
    server = lab.sshd()
    host = lab.connect(lab.target(server))
    freeze = _signal(server, signal.SIGSTOP)
    long = Snippet("script", ("sleep 15",))
    source = Zeros(200 << 20, 30 << 20, freeze)
    doing: dict[str, Callable[[], object]] = {
        "run": lambda: host.run(long, deadline=60),
        "put": lambda: host.put(source, Snippet("count"), progress=_nothing, stall=60),
        "hold": lambda: host.hold(long, ready="READY", deadline=60),
        "idle": lambda: host.run(long, deadline=60),
    }
    if what == "idle":
        freeze()
    elif what != "put":
        threading.Timer(0.3, freeze).start()
    with pytest.raises(Unreachable, match="sent nothing for 3 s"):
        doing[what]()


def test_a_busy_or_quiet_command_is_not_mistaken_for_silence(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    assert host.run(Argv(("sleep", "5")), deadline=20).ok
    script = Snippet("script", ("sleep 5; wc -c",))
    result = host.put(Zeros(20 << 20), script, progress=_nothing, stall=20)
    assert int(result.stdout) == 20 << 20


def test_a_frozen_jump_host_is_noticed(lab: Lab) -> None:
    jump, inner = lab.sshd(), lab.sshd()
    host = lab.connect(lab.target(inner, jump=lab.target(jump, node="gate")))
    threading.Timer(0.3, _signal(jump, signal.SIGSTOP)).start()
    with pytest.raises(Unreachable, match="sent nothing"):
        host.run(Argv(("sleep", "15")), deadline=60)
    host.close()


def test_a_jump_host_that_dies_fails_what_is_behind_it(lab: Lab) -> None:
    jump, inner = lab.sshd(), lab.sshd()
    host = lab.connect(lab.target(inner, jump=lab.target(jump, node="gate")))
    threading.Timer(0.3, _signal(jump, signal.SIGKILL)).start()
    with pytest.raises(Unreachable):
        host.run(Argv(("sleep", "15")), deadline=60)


def test_a_server_frozen_before_it_says_anything(lab: Lab) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        target = SshTarget("node-1", "127.0.0.1", port=mute.getsockname()[1], key=lab.key)
        with pytest.raises(Unreachable):
            lab.connect(target)


def test_a_server_that_freezes_during_the_login(lab: Lab) -> None:
    server = lab.sshd()
    keys = lab.keys()

    class FreezesAfterTheKey(HostKeys):
        def check(self, hop: Hop, key_type: str, blob: bytes) -> None:
            keys.check(hop, key_type, blob)
            _signal(server, signal.SIGSTOP)()

    with pytest.raises(Unreachable, match="during the login"):
        lab.connect(lab.target(server), FreezesAfterTheKey(recorded=lab.recorded))


# -- getting in


def test_a_name_that_does_not_resolve(lab: Lab) -> None:
    with pytest.raises(Unreachable, match="cannot resolve"):
        lab.connect(SshTarget("node-1", "no-such-host.invalid", key=lab.key))


def test_nobody_listens(lab: Lab) -> None:
    server = lab.sshd(start=False)
    with pytest.raises(Unreachable, match="connection refused"):
        lab.connect(lab.target(server))
    with pytest.raises(Unreachable, match=r"jump host .* cannot connect"):
        lab.connect(lab.target(server, jump=lab.target(lab.sshd(), node="gate")))


def test_a_server_that_turns_away_is_asked_again(lab: Lab) -> None:
    server = lab.sshd("MaxStartups 1:100:1")
    with socket.create_connection(("127.0.0.1", server.port)) as squatter:
        threading.Timer(0.4, squatter.close).start()
        host = lab.connect(lab.target(server))
    assert host.run(Argv(("true",)), deadline=5).ok
    with (
        socket.create_connection(("127.0.0.1", server.port)),
        pytest.raises(Unreachable, match="closed the connection") as error,
    ):
        lab.connect(lab.target(server))
    assert "MaxStartups" in str(error.value)


# -- hold


def _hold(lab: Lab, user: str = "root") -> tuple[Path, Snippet]:
    return lab.home / f"pid-{user}", Snippet("hold", (str(lab.home / f"pid-{user}"),))


def _runs(pid_file: Path) -> bool:
    return Path(f"/proc/{pid_file.read_text().strip()}").exists()


@pytest.mark.parametrize("user", ["root", "bash"])
def test_a_held_command_lives_until_it_is_released(
    lab: Lab, user: str, eventually: Eventually
) -> None:
    pid_file, command = _hold(lab, user)
    host = lab.connect(lab.target(lab.sshd(), lab.users.get(user, user)))
    held = host.hold(command, ready="READY", deadline=5)
    assert not isinstance(held, Result)
    assert held.output == "waiting\nREADY\n"
    assert held.alive
    assert host.run(Argv(("true",)), deadline=5).ok
    time.sleep(1)
    assert held.alive
    assert _runs(pid_file)
    held.release()
    assert not held.alive
    assert eventually(lambda: not _runs(pid_file))
    held.release()
    assert host.run(Argv(("true",)), deadline=5).ok


def test_a_held_command_that_ends_before_it_is_ready(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    command = Snippet("script", ("echo held by another; echo NOT READY; exit 9",))
    held = host.hold(command, ready="READY", deadline=5)
    assert held == Result(9, "held by another\nNOT READY\n", "")


def test_a_held_command_that_never_gets_ready(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    with pytest.raises(Unreachable, match="not ready within 1 s"):
        host.hold(Snippet("script", ("sleep 15",)), ready="READY", deadline=1)


def test_a_held_command_ends_with_its_connection(lab: Lab, eventually: Eventually) -> None:
    pid_file, command = _hold(lab)
    host = lab.connect(lab.target(lab.sshd()))
    held = host.hold(command, ready="READY", deadline=5)
    assert not isinstance(held, Result)
    host.close()
    assert not held.alive
    assert eventually(lambda: not _runs(pid_file))
    held.release()
    host.close()


_CLIENT = """
import sys, time
from pathlib import Path
from edgeboot import shell
from edgeboot.transport.base import Snippet
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.connection import connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.target import SshTarget
port, key, host_key, user, script, pid = sys.argv[1:]
shell.text = lambda name: script
target = SshTarget("n", "127.0.0.1", user, int(port), Path(key), host_key)
transport = connect(target, HostKeys(), configuration=reader(()))
held = transport.hold(Snippet("hold", (pid,)), ready="READY", deadline=9)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("user", ["root", "dash"])
def test_a_held_command_ends_when_the_operator_is_killed(
    lab: Lab, user: str, eventually: Eventually
) -> None:
    from edgeboot import shell

    server = lab.sshd()
    pid_file, _ = _hold(lab, user)
    name = lab.users.get(user, user)
    words = (str(server.port), str(lab.key), server.public(), name, shell.text("hold"))
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, *words, str(pid_file)], stdout=subprocess.PIPE
    )
    assert client.stdout
    try:
        assert client.stdout.readline() == b"held\n"
        assert _runs(pid_file)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    assert eventually(lambda: not _runs(pid_file))


def test_it_is_a_transport(lab: Lab) -> None:
    transport: Transport = lab.connect(lab.target(lab.sshd()))
    assert transport.node == "node-1"


def test_after_close_nothing_is_left_running(lab: Lab, eventually: Eventually) -> None:
    server = lab.sshd()
    before = threading.active_count()
    host = lab.connect(lab.target(server))
    host.run(Argv(("true",)), deadline=5)
    host.close()
    assert eventually(lambda: threading.active_count() <= before)
    assert eventually(lambda: not server.sessions())


def test_limits_may_be_widened(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()), limits=replace(lab.limits, output=10))
    with pytest.raises(StepFailed, match="printed more"):
        host.run(Argv(("echo", "0123456789")), deadline=5)
