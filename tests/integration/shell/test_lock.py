"""The lock on a host: held by one shell, and by nothing that it starts."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.integration.shell.snippets import Host


def locked(host: Host, *words: str) -> subprocess.Popen[str]:
    """A run that takes the lock and then looks at the host."""
    argv = [*host.words, "-c", host.text("observe"), "observe", *words]
    env = {**os.environ, "PATH": f"{host.programs}:{os.environ['PATH']}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(argv, text=True, env=env, **pipes)  # type: ignore[call-overload,no-any-return]


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def awaited(path: Path) -> str:
    for _ in range(600):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"no {path}")


def test_a_killed_shell_leaves_no_lock_to_what_it_had_started(host: Host) -> None:
    hung = host.root / "hung"
    host.program("iptables", f"echo $$ >{hung}; exec sleep 60")
    with locked(host, "hold:run-1", "somebody") as shell:
        child = int(awaited(hung))
        assert not is_free(host.ours / "lock")
        shell.send_signal(signal.SIGKILL)
        shell.wait()
        try:
            os.kill(child, 0)  # it is still there
            assert is_free(host.ours / "lock")
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_run_takes_its_lock_over_from_itself_while_it_looks(host: Host) -> None:
    hung = host.root / "hung"
    host.program("iptables", f"[ -e {hung} ] || {{ echo $$ >{hung}; exec sleep 60; }}")
    with locked(host, "hold:run-1", "somebody"):
        child = int(awaited(hung))
        try:
            with locked(host, "hold:run-1", "somebody") as again:
                assert again.stdout is not None
                said = iter(again.stdout.readline, "")
                assert "ready\n" in said
                assert again.stdin is not None
                again.stdin.close()
        finally:
            os.kill(child, signal.SIGKILL)


def test_another_run_is_told_who_has_the_lock(host: Host) -> None:
    with locked(host, "hold:run-1", "somebody") as first:
        assert first.stdout is not None
        assert "ready\n" in iter(first.stdout.readline, "")
        done = host.run("observe", "hold:run-2", "another")
        assert done.returncode == 75
        assert done.stdout.splitlines() == ["locked-by somebody", "locked-run run-1"]
        assert first.stdin is not None
        first.stdin.close()


def test_a_run_takes_the_lock_of_a_dead_one_over(host: Host) -> None:
    with locked(host, "hold:run-1", "somebody") as first:
        assert first.stdout is not None
        assert "ready\n" in iter(first.stdout.readline, "")
        with locked(host, "hold:run-2,run-1", "somebody") as second:
            assert second.stdout is not None
            assert "ready\n" in iter(second.stdout.readline, "")
            assert second.stdin is not None
            second.stdin.close()
        assert first.wait() != 0
