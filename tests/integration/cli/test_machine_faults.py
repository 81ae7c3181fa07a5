"""Faults of the controller's own machine: each command ends with a code of the table, and soon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

INVENTORY = """\
cluster: {name: edge}
nodes:
  - {name: server-1, address: 127.0.0.1, role: server, ssh: {port: 1}}
"""
LONG = "x" * 5000
FAULTS = {
    "a full standard output": '"$@" >/dev/full',
    "a closed standard output": '"$@" >&-',
    "a closed standard error": '"$@" 2>&-',
    "a full standard error": '"$@" 2>/dev/full',
    "a reader that has gone": '"$@" | true; exit "${PIPESTATUS[0]}"',
    "a closed standard input": '"$@" <&-',
    "a state directory that is a file": 'XDG_STATE_HOME=file "$@"',
    "a home that cannot be written": 'HOME=/proc XDG_STATE_HOME= "$@"',
    "no environment": 'env -i "$@"',
    "no home": 'env -u HOME -u XDG_STATE_HOME "$@"',
    "no terminal type": 'env -u TERM "$@"',
    "no temporary directory": 'TMPDIR=/nonexistent "$@"',
    "an ASCII output": 'LC_ALL=C PYTHONIOENCODING=ascii "$@"',
    "a directory that is gone": 'mkdir gone; cd gone; rmdir ../gone; "$@"',
}
TABLE = {0, 1, 2, 3, 4, 5, 6, 10, 130}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def _run(place: Path, script: str, *words: str) -> tuple[int, str]:
    full = [sys.executable, "-m", "edgeboot", *words]
    done = subprocess.run(
        ["bash", "-c", script, "bash", *full],
        cwd=place,
        env={**os.environ, "HOME": str(place), "XDG_STATE_HOME": str(place / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["inventory check", "status", "install"])
def test_a_fault_ends_with_a_code_of_the_table(place: Path, command: str, fault: str) -> None:
    words = (*command.split(), "-i", str(place / "inventory.yml"))
    code, shown = _run(place, FAULTS[fault], *words)
    assert code in TABLE, shown
    assert "Traceback" not in shown
    assert "bug in edgeboot" not in shown


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", ".", LONG], ids=lambda n: n[:9])
@pytest.mark.parametrize(
    "before",
    [
        ("inventory", "check", "-i"),
        ("inventory", "import"),
        ("status", "-i"),
        ("install", "-i", "inventory.yml", "--bundle"),
        ("bundle", "inspect"),
        ("bundle", "verify"),
        ("bundle", "verify", "inventory.yml", "--key"),
        ("bundle", "build", "-f"),
        ("bundle", "join"),
        ("bundle", "split"),
        ("bundle", "sign", "inventory.yml", "--key"),
        ("report", "diff", "inventory.yml"),
    ],
    ids=" ".join,
)
def test_what_is_no_file_is_bad_input(place: Path, before: tuple[str, ...], name: str) -> None:
    code, shown = _run(place, '"$@"', *before, name)
    assert code == 2, shown
    assert "Traceback" not in shown


def test_a_pipe_of_the_shell_is_an_inventory(place: Path) -> None:
    script = 'cat inventory.yml | "$@"'
    code, shown = _run(place, script, "inventory", "check", "-i", "/dev/stdin")
    assert code == 0, shown
    assert "cluster 'edge'" in shown


def test_a_key_that_is_a_pipe_is_bad_input(place: Path) -> None:
    (place / "pipe").chmod(0o600)
    text = INVENTORY.replace("port: 1", "port: 1, key: pipe")
    (place / "inventory.yml").write_text(text)
    code, shown = _run(place, '"$@"', "inventory", "check", "-i", "inventory.yml")
    assert code == 2, shown
