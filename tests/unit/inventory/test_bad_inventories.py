"""Every mistake in tests/cases/inventory gets a message with file, line and a fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.yaml.problems import each

CASES = Path(__file__).parents[2] / "cases" / "inventory"


NODES = "nodes: [{name: server-1, address: 192.0.2.99, role: server}]\n"


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.yml"))
        for case in yaml.safe_load(path.read_text())
    ]


def whole(text: str) -> str:
    """With a node, unless the case is about the nodes or the YAML: only its mistake is left."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    lacks = isinstance(document, dict) and not {"nodes", "node"} & set(document)
    return f"{text}{NODES}" if lacks else text


@pytest.mark.parametrize("case", cases())
def test_message(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(whole(case["inventory"]))
    for name, file in case.get("files", {}).items():
        (tmp_path / name).write_text(file["text"])
        (tmp_path / name).chmod(file.get("mode", 0o600))
    with pytest.raises(BadInput) as caught:
        load(path)
    assert caught.value.exit_code == 2
    for error, told in zip(each(caught.value), case.get("problems", [case]), strict=True):
        assert error.where == (f"{path}:{told['line']}" if "line" in told else str(path))
        assert told["says"] in error.what
        assert told.get("hint", "") in (error.hint or "")
        assert "hunter2" not in str(error)


def test_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such inventory"):
        load(tmp_path / "inventory.yml")


def test_key_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "inventory.yml"
    (tmp_path / "id").write_text("")
    path.write_text(f"cluster: {{name: edge}}\ndefaults: {{ssh: {{key: id}}}}\n{NODES}")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read everything
    with pytest.raises(BadInput, match="cannot read"):
        load(path)


def test_too_many_nodes(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    entries = (
        f"  - {{name: 'a{n}-[1-900]', address: 'a{n}-[1-900].example.com', role: agent}}\n"
        for n in range(3)
    )
    path.write_text("cluster: {name: edge}\nnodes:\n" + "".join(entries))
    with pytest.raises(BadInput, match="more than 1000 nodes"):
        load(path)
