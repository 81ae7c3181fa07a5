"""A bundle of small images for this machine and others, and a containerd of the test's own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import ImageArchive
from edgeboot.platform import ARCHES, arch_of_machine
from tests.support.bundle import fakes

DOCKER_IMAGE = "docker.io/library/old-style:1"
_START_SECONDS = 30


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install skopeo containerd")


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """K3s-like images for three architectures, and one from an old docker-archive for here."""
    here = arch_of_machine(platform.machine())
    assert here is not None
    top = tmp_path_factory.mktemp("referees")
    release = fakes.release(top / "release", ARCHES)
    text = "name: edge\nimages:\n"
    for arch in ARCHES.values():
        archive = fakes.docker_archive(DOCKER_IMAGE, arch, ["one", f"two-{arch.name}"])
        (top / f"old-{arch.name}.tar").write_bytes(fakes.tar_of(archive))
        text += f"- archive: old-{arch.name}.tar\n"
    wanted = spec.load(fakes.spec_file(top, text))
    return build(wanted, top / "edge.bundle", release=release, store=fakes.store(top))


@pytest.fixture
def bundle(bundle_file: Path) -> Iterator[Bundle]:
    with Bundle.open(bundle_file) as opened:
        yield opened


def composed(bundle: Bundle, archive: ImageArchive, directory: Path) -> Path:
    """An image archive as a node gets it."""
    path = directory / archive.file_name
    with path.open("wb") as file:
        file.writelines(bundle.archive_source(archive).open())
    return path


@dataclass(frozen=True)
class Ctr:
    """containerd's own client, speaking to the test's containerd."""

    socket: Path

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["ctr", "--address", str(self.socket), "-n", "k8s.io", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@pytest.fixture
def ctr(tmp_path: Path) -> Iterator[Ctr]:
    """A containerd with root, state and socket of its own; gone afterwards."""
    need("containerd", "ctr")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    socket = tmp_path / "c.sock"
    config = tmp_path / "config.toml"
    config.write_text(
        "version = 2\n"
        f'root = "{tmp_path / "root"}"\nstate = "{tmp_path / "state"}"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{socket}"\n'
        f'[ttrpc]\naddress = "{socket}.ttrpc"\n'
    )
    with (tmp_path / "containerd.log").open("wb") as log:
        process = subprocess.Popen(["containerd", "--config", config], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not socket.exists():
            assert process.poll() is None, (tmp_path / "containerd.log").read_text()
            assert time.monotonic() < deadline, "containerd does not start"
            time.sleep(0.05)
        yield Ctr(socket)
    finally:
        process.terminate()
        process.wait(timeout=30)
