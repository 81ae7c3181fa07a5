from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from edgeboot.cli.inventory.check import inventory
from edgeboot.errors import BadInput
from edgeboot.inventory.schema.document import json_schema

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
