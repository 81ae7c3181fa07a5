from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.inventory.check import inventory
from edgeboot.cli.main import main
from edgeboot.errors import BadInput
from edgeboot.inventory.schema.document import json_schema
from tests.support.messages import messages

EXAMPLES = Path(__file__).parents[3] / "inventories"


def test_check() -> None:
    result = CliRunner().invoke(inventory, ["check", "-i", str(EXAMPLES / "six-pis.yml")])
    assert result.exit_code == 0
    assert "cluster 'edge': 1 server, 5 agents" in result.output
    assert result.output.count("\nagent-") == 5
    assert "memory 1GiB, cpu 500m, disk 4GiB" in result.output


def test_check_of_a_bad_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(inventory, ["check", "-i", str(tmp_path / "none.yml")])
    assert isinstance(result.exception, BadInput)


def test_schema() -> None:
    result = CliRunner().invoke(inventory, ["schema"])
    assert json.loads(result.output) == json_schema()


def test_every_mistake_is_shown_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(
        "cluster: {name: edge}\nnodes: [{name: a, address: 192.0.2.1, role: server}]\n"
        + "bundle: edge.tar\n" * 24
    )
    monkeypatch.setattr("sys.argv", ["edgeboot", "inventory", "check", "-i", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        f"error: {path}:4: duplicate key 'bundle' [bad-input]",
        f"  next: remove one of them (first used at {path}:3)",
    ]
    assert lines[-1] == "… and 3 more"
    assert len(lines) == 2 * 20 + 1


def test_no_message_points_to_a_file_that_an_installation_lacks() -> None:
    """After `pipx install` there is no checkout with its examples."""
    assert [m for m in messages() if "inventories/" in str(m)] == []
