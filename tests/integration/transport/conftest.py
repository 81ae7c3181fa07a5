"""A real OpenSSH server on loopback, users with different login shells, and connections to them.

Needs root (users, sudoers) and Debian's openssh-server, openssh-client, sudo and fish.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeboot import shell
from tests.integration.transport.sshd import (
    ASH,
    PASSWORD,
    SHELLS,
    SNIPPETS,
    Lab,
    must_run,
    sudo_log,
)
from tests.support.tmux import Terminal


@pytest.fixture(scope="session")
def users() -> Iterator[dict[str, str]]:
    """``name by shell``: users who may sudo, with noisy start-up files; and one who may not."""
    if os.getuid() != 0 or not shutil.which("sudo") or not Path("/usr/sbin/sshd").exists():
        pytest.skip("needs root, openssh-server and sudo")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    made: dict[str, str] = {}
    sudoers = Path(f"/etc/sudoers.d/edgeboot-test-{os.getpid()}")
    rules = ""
    try:
        for kind in (*SHELLS, "nosudo", "tty", "asked", "always"):
            where = _shell(kind)
            name = f"eb-test-{kind}-{os.getpid()}"
            must_run("useradd", "-m", "-p", "*", "-s", where, name)
            made[kind] = name
            if kind in {"asked", "always"}:
                rules += f"{name} ALL=(ALL) ALL\nDefaults:{name} logfile={sudo_log(name)}\n"
                _run_with(f"{name}:{PASSWORD}", "chpasswd")
            elif kind != "nosudo":
                rules += f"{name} ALL=(ALL) NOPASSWD:ALL\n"
        rules += f"Defaults:{made['tty']} requiretty\n"
        rules += f"Defaults:{made['always']} timestamp_timeout=0\n"
        _make_noisy(made)
        sudoers.write_text(rules)
        sudoers.chmod(0o440)
        yield made
    finally:
        sudoers.unlink(missing_ok=True)
        for name in made.values():
            subprocess.run(["userdel", "-r", name], capture_output=True, check=False)
            sudo_log(name).unlink(missing_ok=True)
        shutil.rmtree(ASH.parent, ignore_errors=True)


def _shell(kind: str) -> str:
    """The login shell of a kind of user; BusyBox learns from its name which one it is to be."""
    if kind == "ash" and (busybox := shutil.which("busybox")):
        ASH.parent.mkdir(exist_ok=True)
        ASH.unlink(missing_ok=True)
        ASH.symlink_to(busybox)
        return str(ASH)
    return (shutil.which(kind) if kind in SHELLS else None) or "/bin/sh"


def _run_with(text: str, *words: str) -> None:
    subprocess.run(words, input=text, text=True, check=True, capture_output=True)


def _make_noisy(users: dict[str, str]) -> None:
    bashrc = Path(pwd.getpwnam(users["bash"]).pw_dir) / ".bashrc"
    bashrc.write_text("echo 'Welcome, friend!'; echo 'warning: stderr' >&2; printf 'no newline'\n")
    fish = Path(pwd.getpwnam(users["fish"]).pw_dir) / ".config/fish/config.fish"
    fish.parent.mkdir(parents=True)
    fish.write_text("echo Welcome to fish\necho noise >&2\n")
    must_run("chown", "-R", users["fish"], fish.parents[1])


@pytest.fixture
def lab(users: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(shell, "text", SNIPPETS.__getitem__)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    # Not tmp_path: sshd reads authorized_keys as the user, whom pytest's directories keep out.
    home = Path(tempfile.mkdtemp(prefix="edgeboot-ssh-"))
    home.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    must_run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "id")
    made = Lab(home, users)
    yield made
    made.clean()
    shutil.rmtree(home)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], float], bool]:
    """Polls a condition for some seconds."""

    def poll(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if holds():
                return True
            time.sleep(0.05)
        return holds()

    return poll


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals of a size: ``terminals(words, env, size)``."""
    if not shutil.which("tmux"):
        pytest.skip("needs tmux")
    opened: list[Terminal] = []

    def start(argv: list[str], env: dict[str, str], size: tuple[int, int] = (80, 24)) -> Terminal:
        made = Terminal(tmp_path / f"tmux-{len(opened)}", argv, env, size)
        opened.append(made)
        return made

    yield start
    for one in opened:
        one.end()


@pytest.fixture
def edgeboot() -> Callable[..., list[str]]:
    """The command line of edgeboot."""
    return lambda *words: [sys.executable, "-m", "edgeboot.cli.main", *map(str, words)]
