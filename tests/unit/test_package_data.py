"""Everything beside the code that the packages hold is in the wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]


@pytest.mark.parametrize("package", ["edgeboot", "edgeboot_lab"])
def test_files_beside_the_code_are_declared(package: str) -> None:
    base = ROOT / package
    files = {
        path.relative_to(base)
        for path in base.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    declared = {path.relative_to(base) for glob in DATA[package] for path in base.glob(glob)}
    assert files
    assert files <= declared
