"""Two hosts of their own for faults that only booted hosts make real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from tests.standin.release import build_release
from tests.support.fleet import NAME as E2E_NAME
from tests.support.fleet import STANDIN_VERSION, Fleet
from tests.support.guardian import guarded

NAME = f"{E2E_NAME}-f"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet; gone when the tests are, even if those are killed. Always the stand-in."""
    work = tmp_path_factory.mktemp("faults")
    build_release(work / "release", version=STANDIN_VERSION, archs=("amd64",))
    spec = work / "bundle.yml"
    spec.write_text(f"name: faults\nk3s:\n  source: {work}/release\n  arches: [amd64]\n")
    argv = Fleet.argv("bundle", "build", "-f", spec, "--out", work / "faults.tar")
    subprocess.run(argv, check=True, timeout=300)
    with guarded(NAME):
        lab = labs.up(LabSpec(name=NAME, nodes=2, memory_bytes=1 << 30), lambda _line: None)
        base = yaml.safe_load(lab.inventory.read_text())
        yield Fleet(lab, base, work / "faults.tar", work)


@pytest.fixture
def bare(faulty: Fleet) -> Fleet:
    """Bare hosts at the start of a test."""
    faulty.wipe()
    return faulty
