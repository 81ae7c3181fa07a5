"""A containerd of the test's own, as a referee."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import ImageArchive

DOCKER_IMAGE = "docker.io/library/old-style:1"


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install skopeo containerd")


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
