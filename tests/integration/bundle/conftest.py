"""A bundle of small images for this machine and others, and a containerd of the test's own."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.format.archive import Bundle
from edgeboot.platform import ARCHES, arch_of_machine
from tests.support.bundle import fakes, sites
from tests.support.bundle.containerd import DOCKER_IMAGE, Ctr, need

_START_SECONDS = 30


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


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one of everything; tests do not change it."""
    return sites.small_bundle(tmp_path_factory.mktemp("bundle"))
