"""tools/release: what it builds is whole, the same every time, and says what it needs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import edgeboot
from tests.support.checkout import copy_to

VERSION = edgeboot.__version__
pytestmark = pytest.mark.integration


def git(where: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    argv = ["git", *identity, *words]
    return subprocess.run(argv, cwd=where, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This working tree, committed in a repository of its own."""
    copy = copy_to(tmp_path_factory.mktemp("checkout"))
    git(copy, "init", "--quiet")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "--message", "A release")
    return copy


def release(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tools/release", *words],
        cwd=checkout,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.fixture(scope="module")
def dist(checkout: Path) -> Path:
    done = release(checkout, "--dry-run")  # which builds twice and compares
    assert done.returncode == 0, done.stderr
    return checkout / "dist"


def test_checksums_are_those_of_all_files(dist: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sorted([*listed, "SHA256SUMS"]) == sorted(path.name for path in dist.iterdir())
    for name, digest in listed.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_the_wheel_has_every_file_of_the_packages(checkout: Path, dist: Path) -> None:
    with zipfile.ZipFile(dist / f"edgeboot-{VERSION}-py3-none-any.whl") as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = git(checkout, "ls-files", "edgeboot", "edgeboot_lab").splitlines()
    assert packed == set(tracked)


def test_the_source_archive_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"edgeboot-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*argv, str(tmp_path / f"edgeboot-{VERSION}")], check=True, capture_output=True)
    with (
        zipfile.ZipFile(dist / f"edgeboot-{VERSION}-py3-none-any.whl") as one,
        zipfile.ZipFile(tmp_path / f"edgeboot-{VERSION}-py3-none-any.whl") as other,
    ):
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert all(one.read(name) == other.read(name) for name in one.namelist())


def test_the_sbom_names_what_edgeboot_needs_and_no_tool_of_developers(dist: Path) -> None:
    document = json.loads((dist / f"edgeboot-{VERSION}.cdx.json").read_text())
    names = {component["name"] for component in document["components"]}
    assert {"fabric", "paramiko", "click", "cryptography", "requests", "pytest"} <= names
    assert not {"mypy", "ruff", "hypothesis", "edgeboot"} & names
    assert document["metadata"]["component"]["version"] == VERSION


def test_a_commit_without_its_tag_is_not_released(checkout: Path) -> None:
    done = release(checkout)
    assert done.returncode == 1
    assert f"git tag v{VERSION}" in done.stderr
