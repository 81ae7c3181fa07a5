"""One lab for the whole suite, bare again for each module that asks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot_lab import lab as labs
from edgeboot_lab.lab import Lab, LabSpec
from tests.standin.release import build_release
from tests.support.fleet import MEMORY, NAME, STANDIN_VERSION, Fleet, base_of, has_charts
from tests.support.guardian import guarded

CHART = Path(__file__).parents[2] / "bundles" / "charts" / "hello"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A K3s release directory: the real one that K3S_RELEASE names, else the stand-in's."""
    given = os.environ.get("K3S_RELEASE")
    if given:
        return Path(given)
    made = tmp_path_factory.mktemp("release")
    return build_release(made, version=STANDIN_VERSION, archs=("amd64", "arm64"))


@pytest.fixture(scope="session")
def bundle(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of that release for this machine's architecture, built by the real command."""
    work = tmp_path_factory.mktemp("bundle")
    spec = work / "bundle.yml"
    text = f"name: e2e\nk3s:\n  source: {release}\n  arches: [amd64]\nmanifests: [hello.yaml]\n"
    if has_charts(release):
        text += f"charts:\n  - path: {CHART}\n    namespace: greetings\n"
        text += "    values: {replicas: 2}\n"
    spec.write_text(text)
    (work / "hello.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hello\n  namespace: default\n"
        "data:\n  text: edgeboot\n"
    )
    argv = Fleet.argv("bundle", "build", "-f", spec, "--out", work / "e2e.tar")
    subprocess.run(argv, check=True, timeout=300)
    return work / "e2e.tar"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Three hosts; gone when the tests are, even if those are killed."""
    with guarded(NAME):
        yield labs.up(LabSpec(name=NAME, nodes=3, memory_bytes=MEMORY), lambda _line: None)


@pytest.fixture(scope="session")
def shared_fleet(lab: Lab, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The lab with the bundle, as left by whoever used it last."""
    return Fleet(lab, base_of(lab), bundle, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def bare_module(shared_fleet: Fleet) -> Fleet:
    """Bare hosts at the start of a module."""
    shared_fleet.wipe()
    return shared_fleet


@pytest.fixture
def bare(shared_fleet: Fleet) -> Fleet:
    """Bare hosts at the start of a test."""
    shared_fleet.wipe()
    return shared_fleet


@pytest.fixture
def unchanged(bare: Fleet) -> Iterator[Fleet]:
    """Bare hosts that must be just as bare afterwards."""
    before = bare.snapshots()
    yield bare
    assert bare.snapshots() == before
