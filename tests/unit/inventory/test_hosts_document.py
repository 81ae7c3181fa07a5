"""docs/hosts.md: its examples are inventories that load, its tables say what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeboot.components.k3s import lean
from edgeboot.inventory.host.boards import BOARDS
from edgeboot.inventory.host.hooks import STAGES
from edgeboot.inventory.host.section import KEYS
from edgeboot.inventory.load import load
from edgeboot.inventory.node.settings import PROFILES

DOCUMENT = (Path(__file__).parents[3] / "docs" / "hosts.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.S)
NODE = "nodes:\n  - name: server-1\n    address: 192.0.2.11\n    role: server\n"


def files_of(value: Any) -> set[str]:
    """Files beside the inventory that an example names."""
    if isinstance(value, list):
        return set().union(*map(files_of, value))
    if not isinstance(value, dict):
        return set()
    named = {str(value[key]) for key in ("src", "script") if key in value}
    return named.union(value.get("inputs", ()), *map(files_of, value.values()))


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_examples_load(text: str, tmp_path: Path) -> None:
    for name in files_of(yaml.safe_load(text)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("true\n")
    path = tmp_path / "inventory.yml"
    nodes = "" if "nodes:" in text else NODE
    path.write_text(f"cluster: {{name: edge}}\n{text}{nodes}")
    assert load(path).nodes


def test_every_key_has_an_example() -> None:
    shown = " ".join(EXAMPLES)
    assert [key.name for key in KEYS if f"{key.name}:" not in shown] == []


def test_the_tables_are_true() -> None:
    for name, preset in BOARDS.items():
        (row,) = (
            line for line in DOCUMENT.splitlines() if line.startswith("| `rpi") and name in line
        )
        assert row.endswith(f"| `{preset.describe().replace(', swap', '`, `swap')}` |")
    for word in (*lean.LEFT_OUT, *STAGES, *(p for p in PROFILES if p != "cis")):
        assert re.search(rf"\b{word}\b", DOCUMENT), word
