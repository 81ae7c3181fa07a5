"""Commands: quoting, noise, root, streams, secrets, deadlines."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from edgeboot.errors import Refused, StepFailed, Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv, Snippet
from tests.integration.transport.sshd import Lab

pytestmark = pytest.mark.integration

PAYLOADS = (
    *"'\"\\$`!#&*?~;|<>(){}[]^%= \t\n",
    "",
    "-n",
    "--",
    "$(touch CANARY)",
    "`touch CANARY`",
    "'; touch CANARY; '",
    '"; touch CANARY; "',
    "a'b\\'c",
    "\\",
    "\\\\",
    "\\'",
    "'\\''",
    "end\\",
    "\\n\\t\\x41",
    "${IFS}",
    "$HOME",
    "$((1+1))",
    "(echo a)",
    "{a,b}",
    "~root",
    "a\nb\n\n",
    "line\r\nline",
    "&& touch CANARY",
    "|| touch CANARY",
    "> CANARY",
    "%s%n%x",
    "ünïcödé ✓ 漢字 🚀",
    "\x01\x02\x1b[31m\x7f",
    "a" * 20_000,
    "'" * 2_000,
    "set -e; exit 3",
    "\u200b\ufeff",
    "!history",
    "*",
    "?",
    "[a-z]",
    "#comment",
    "a=b",
)


@pytest.mark.parametrize("shell", ["root", "dash", "bash", "fish", "ash"])
def test_parameters_arrive_unharmed(lab: Lab, shell: str) -> None:
    assert len(PAYLOADS) >= 40
    user = lab.users.get(shell, shell)
    host = lab.connect(lab.target(lab.sshd(), user))
    result = host.run(Snippet("words", PAYLOADS), deadline=10)
    expected = [(p.encode() + b"\0").hex() for p in PAYLOADS]
    assert result.stdout.split("\n")[:-1] == expected
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["root", "dash", "bash", "fish", "ash"])
def test_runs_as_root_in_a_known_environment_without_noise(lab: Lab, shell: str) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users.get(shell, shell)))
    script = 'id -u; pwd; umask; echo "$PATH $LC_ALL"; echo oops >&2; exit 7'
    result = host.run(Snippet("script", (script,)), deadline=10)
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert result.stdout == f"0\n/\n0022\n{path} C\n"
    assert (result.exit_code, result.stderr) == (7, "oops\n")


def test_argv_is_run_as_it_is(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    assert host.run(Argv(("printf", "%s", "$HOME;*")), deadline=5).stdout == "$HOME;*"
    assert host.run(Argv(("/no/such/program",)), deadline=5).exit_code == 127


@pytest.mark.parametrize(
    ("user", "says"), [("nosudo", "sudo asks .* for a password"), ("tty", "requiretty")]
)
def test_sudo_that_cannot_be_used_is_explained(lab: Lab, user: str, says: str) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users[user]))
    with pytest.raises(Refused, match=says):
        host.run(Argv(("true",)), deadline=10)


def test_a_forced_command_is_explained(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd("ForceCommand echo only this")))
    with pytest.raises(Refused, match="cannot run commands"):
        host.run(Argv(("true",)), deadline=10)


@pytest.mark.parametrize("user", ["root", "bash"])
def test_much_on_both_streams_while_standard_input_is_fed(lab: Lab, user: str) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users.get(user, user)))
    script = "head -c 5000000 /dev/zero | tr '\\0' e >&2 & cat; wait"
    data = b"o" * 6_000_000
    result = host.run(Snippet("script", (script,)), stdin=data, deadline=30)
    assert (len(result.stdout), len(result.stderr)) == (6_000_000, 5_000_000)
    assert set(result.stdout) == {"o"}
    assert set(result.stderr) == {"e"}


def test_too_much_output_is_an_error_and_the_connection_lives(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    for _ in range(3):
        with pytest.raises(StepFailed, match="more than 32 MiB") as error:
            host.run(Argv(("cat", "/dev/zero")), deadline=60)
        assert "node-1" in str(error.value)
    assert host.run(Argv(("echo", "alive")), deadline=5).stdout == "alive\n"


@pytest.mark.parametrize("user", ["root", "dash", "bash", "fish", "ash"])
def test_standard_input_is_binary_safe(lab: Lab, user: str) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users.get(user, user)))
    data = bytes(range(256)) * 4096 + b"\x04\x03\x1a"
    result = host.run(Argv(("sha256sum",)), stdin=data, deadline=20)
    assert result.stdout.split()[0] == hashlib.sha256(data).hexdigest()


def test_a_command_that_ignores_its_input_does_not_hang(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    assert host.run(Argv(("true",)), stdin=b"x" * 8_000_000, deadline=10).ok


def test_a_process_left_behind_does_not_hold_the_result(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    result = host.run(Snippet("script", ("sleep 30 & echo done",)), deadline=15)
    assert result.stdout == "done\n"


def test_a_secret_is_in_no_argv(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd(), lab.users["dash"]))
    secret = "token-that-nobody-may-see"
    seen: list[str] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if secret.encode() in line:
                    seen.append(line.decode())

    watcher = threading.Thread(target=poll)
    watcher.start()
    result = host.run(
        Snippet("script", ("sleep 1; wc -c",)), stdin=Secret(secret.encode()), deadline=10
    )
    stop.set()
    watcher.join()
    assert result.stdout.strip() == str(len(secret))
    assert seen == []


def test_a_deadline_leaves_the_connection_usable(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s") as error:
        host.run(Argv(("sleep", "5")), deadline=0.5)
    assert "node-1" in str(error.value)
    assert host.run(Argv(("echo", "alive")), deadline=5).stdout == "alive\n"


def test_a_signal_is_not_success(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    assert host.run(Snippet("script", ("kill -9 $$",)), deadline=5).exit_code == -1


def test_a_command_line_too_long_is_refused_before_it_is_sent(lab: Lab) -> None:
    host = lab.connect(lab.target(lab.sshd()))
    with pytest.raises(StepFailed, match="longer than"):
        host.run(Argv(("echo", "x" * 140_000)), deadline=5)
    with pytest.raises(StepFailed, match="NUL"):
        host.run(Argv(("echo", "a\0b")), deadline=5)
