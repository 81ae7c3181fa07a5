"""Which runs of this controller have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeboot.localio.runs import Runs

BEGIN = (
    "import sys; from pathlib import Path; from edgeboot.localio.runs import Runs\n"
    "runs = Runs(Path(sys.argv[1])); print(runs.begin(), flush=True); sys.stdin.read()"
)


def test_a_run_is_dead_once_its_process_is_killed(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    argv = (sys.executable, "-c", BEGIN, str(tmp_path))
    with subprocess.Popen(argv, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        assert not runs.is_dead(run)
        process.kill()
        process.wait()
        assert runs.is_dead(run)


def test_its_own_run_lives(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    run = runs.begin()
    assert not runs.is_dead(run)
    assert not Runs(tmp_path / "runs").is_dead(run)
    assert runs.begin() != run


@pytest.mark.parametrize("name", ["", "a" * 16, "../../etc/passwd", "A" * 16, "a" * 16 + "/x"])
def test_what_was_no_run_of_this_controller_is_not_dead(tmp_path: Path, name: str) -> None:
    assert not Runs(tmp_path).is_dead(name)


def test_old_ones_are_forgotten_and_a_directory_that_cannot_be_is_no_error(tmp_path: Path) -> None:
    old = tmp_path / ("0" * 16)
    old.touch()
    os.utime(old, (0, 0))
    Runs(tmp_path).begin()
    assert not old.exists()
    (tmp_path / "file").touch()
    assert len(Runs(tmp_path / "file").begin()) == 16
