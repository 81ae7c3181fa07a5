"""What ``edgeboot reset`` asks for before it connects to anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.main import cli
from edgeboot.errors import EdgebootError, Refused

INVENTORY = """\
cluster: {name: edge}
nodes:
  - {name: server-1, address: 192.0.2.11, role: server}
  - {name: agent-1, address: 192.0.2.12, role: agent}
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--yes"], "--yes needs --confirm to reset a cluster"),
        (["--yes", "--confirm", "other"], "the cluster in the inventory is 'edge'"),
        (["--output", "jsonl"], "cannot ask"),
        (["--limit", "agent-9"], "no such node: 'agent-9'"),
        (["--limit", "server-1"], "the last server cannot be reset while other nodes"),
    ],
)
def test_refused_before_anything_is_connected(tmp_path: Path, words: list[str], said: str) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(INVENTORY)
    done = CliRunner().invoke(cli, ["reset", "-i", str(path), *words])
    assert isinstance(done.exception, EdgebootError)
    assert said in str(done.exception)
    assert done.exception.exit_code == (5 if isinstance(done.exception, Refused) else 2)
    assert "next: " in str(done.exception)
