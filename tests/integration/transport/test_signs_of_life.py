"""A host that says nothing: what is waited for is told, and there is an end."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.tmux import Terminal

pytestmark = pytest.mark.integration


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def inventory(tmp_path: Path, silent: int) -> Path:
    nodes = "".join(
        f"  - {{name: {name}, role: {role}, address: 127.0.0.{n}, ssh: {{port: {silent}}}}}\n"
        for n, (name, role) in enumerate([("main", "server"), ("a", "agent"), ("b", "agent")], 1)
    )
    path = tmp_path / "inventory.yml"
    path.write_text(f"cluster: {{name: edge}}\nnodes:\n{nodes}")
    return path


def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


def test_in_a_terminal(
    terminals: Callable[..., Terminal],
    edgeboot: Callable[..., list[str]],
    inventory: Path,
    tmp_path: Path,
) -> None:
    terminal = terminals(edgeboot("preflight", "-i", inventory), environment(tmp_path))
    terminal.see("main", "connecting, for", seconds=30)
    terminal.key("C-c")
    assert terminal.code() == 130
    assert "connecting, for" not in terminal.screen()


def test_in_a_pipe(edgeboot: Callable[..., list[str]], inventory: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        edgeboot("preflight", "-i", inventory), env={**os.environ, **environment(tmp_path)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "connecting, for " in done.stderr, done


def test_ssh_to_a_silent_host_ends(
    edgeboot: Callable[..., list[str]], inventory: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        edgeboot("ssh", "-i", inventory, "main", "true"),
        env={**os.environ, **environment(tmp_path)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 255, done
    assert "timed out" in done.stderr
    assert "edgeboot status" in done.stderr
