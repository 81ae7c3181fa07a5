"""Secrets that an inventory points to: read late, shown never."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.inventory.secrets import MAX_BYTES, SecretRef, read

INVENTORY = """\
cluster:
  name: edge
  registries:
    configs:
      registry.site:
        auth: {username: edge, password: {env: EDGE_TEST_PASSWORD}}
nodes:
  - {name: a, address: 192.0.2.1, role: server}
"""


def test_an_inventory_loads_without_the_variables_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`edgeboot status` needs no password; only who uses one does, and is told the line."""
    monkeypatch.delenv("EDGE_TEST_PASSWORD", raising=False)
    path = tmp_path / "inventory.yml"
    path.write_text(INVENTORY)
    ref = load(path).components.registries.configs["registry.site"].password
    assert ref is not None
    with pytest.raises(BadInput, match="EDGE_TEST_PASSWORD is not set") as caught:
        read(ref)
    assert caught.value.where == f"{path}:6"
    monkeypatch.setenv("EDGE_TEST_PASSWORD", "hunter2")
    assert read(ref).value == b"hunter2"
    assert "hunter2" not in repr(read(ref))
    monkeypatch.setenv("EDGE_TEST_PASSWORD", "")
    with pytest.raises(BadInput, match="is empty"):
        read(ref)


def test_the_line_end_of_an_editor_is_no_part_of_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"two words \r\n")
    assert read(SecretRef(path, None, "")).value == b"two words "


@pytest.mark.parametrize(
    ("data", "told"), [(b"\n", "is empty"), (b"x" * (MAX_BYTES + 1), "too long")]
)
def test_what_is_no_secret(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=told):
        read(SecretRef(path, None, "inventory.yml:3"))


def test_a_file_that_is_gone_by_the_time_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        read(SecretRef(tmp_path / "secret", None, "inventory.yml:3"))
