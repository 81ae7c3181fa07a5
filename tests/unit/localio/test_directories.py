"""Where the controller's own files are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeboot.errors import StepFailed
from edgeboot.localio import directories


def test_the_xdg_variables_count_where_they_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert directories.state() == Path("/s/edgeboot")
    assert directories.cache() == Path("/c/edgeboot")
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", ignored)
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        if sys.platform == "linux":
            assert directories.state() == tmp_path / ".local/state/edgeboot"
            assert directories.cache() == tmp_path / ".cache/edgeboot"


def test_asking_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    directories.state()
    assert not list(tmp_path.iterdir())
    assert directories.made(directories.state()).stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_an_expected_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/edgeboot")):
        with pytest.raises(StepFailed, match=str(path)) as caught:
            directories.made(path)
        assert caught.value.error_id == "local-disk"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an entry")
def test_a_user_without_a_home_is_told_what_to_set() -> None:
    code = (
        "import os; from edgeboot.localio import directories; directories.state()\n"
        "os.setuid(54321); os.environ.pop('HOME', None); os.environ.pop('XDG_STATE_HOME', None)\n"
        "directories.state()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "BadInput: cannot find your home directory" in done.stderr
    assert "set HOME, or XDG_STATE_HOME" in done.stderr


def test_a_user_that_does_not_exist_is_left_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert directories.expanded("~/x") == tmp_path / "x"
    assert directories.expanded("~no-such-user/x") == Path("~no-such-user/x")
