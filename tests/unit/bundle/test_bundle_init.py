"""``edgeboot bundle init``: a bundle.yml that loads as written, and with everything uncommented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import edgeboot
from edgeboot.bundle.build import spec
from edgeboot.cli.bundle.build import bundle
from edgeboot.errors import BadInput

ROOT = Path(edgeboot.__file__).parents[1]


def init(*words: str | Path) -> str:
    return CliRunner().invoke(bundle, ["init", *map(str, words)], catch_exceptions=False).output


def test_it_loads_and_the_next_command_is_told(tmp_path: Path) -> None:
    path = tmp_path / "my site.yml"
    said = init("--name", "site", "--out", path)
    loaded = spec.load(path)
    assert (loaded.name, loaded.k3s.channel) == ("site", "stable")
    assert said.endswith(f"edgeboot bundle build -f '{path}'\n")


def test_every_example_in_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "bundle.yml"
    init("--out", path)
    lines = path.read_text().splitlines()
    keys = re.compile(r"# ?((?: {2,}.*| *- .*|[a-z0-9-]+:(?: .*)?))")
    text = "\n".join(m[1] if (m := keys.fullmatch(line)) else line for line in lines)
    path.write_text(text.replace("  edgeboot bundle", "# edgeboot bundle"))
    loaded = spec.load(path)
    assert loaded.version == "1.4"
    assert loaded.helm is not None
    assert (len(loaded.charts), len(loaded.images), len(loaded.pulls)) == (3, 1, 2)
    assert len(loaded.registries) == 2
    assert loaded.manifests
    assert loaded.files


def test_an_existing_file_is_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "bundle.yml"
    path.write_text("mine")
    with pytest.raises(BadInput, match="already exists"):
        init("--out", path)
    assert path.read_text() == "mine"
    with pytest.raises(BadInput, match="invalid bundle name 'No!'"):
        init("--name", "No!", "--out", tmp_path / "other.yml")
    assert [path] == list(tmp_path.iterdir())


def test_the_template_is_in_the_wheel() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["edgeboot"]
    template = Path("bundle/build/template.yml")
    assert any(template.match(pattern) for pattern in patterns)
    assert (ROOT / "edgeboot" / template).is_file()
