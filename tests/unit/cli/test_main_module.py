"""``python -m edgeboot`` is the edgeboot command."""

from __future__ import annotations

import subprocess
import sys

from edgeboot import __version__


def test_python_runs_the_package() -> None:
    argv = [sys.executable, "-m", "edgeboot", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_its_exit_code_is_that_of_the_command() -> None:
    argv = [sys.executable, "-m", "edgeboot", "no-such-command"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no-such-command" in done.stderr
