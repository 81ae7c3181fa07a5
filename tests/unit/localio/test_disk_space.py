"""Space and permission, checked before long work; errors for writes that fail anyway."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, StepFailed
from edgeboot.localio import disk_space


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "remount the file system"),
        (errno.ENOENT, "create its directory"),
        (errno.ENOTDIR, "remove the file"),
        (errno.EIO, "fix that"),
    ],
)
def test_the_hint_goes_by_what_the_disk_says(tmp_path: Path, number: int, told: str) -> None:
    error = disk_space.failed(tmp_path / "x", OSError(number, os.strerror(number)))
    assert (error.hint or "").startswith(told)
    assert os.strerror(number) in error.what


def test_where_nothing_can_be_written_is_told_beforehand(tmp_path: Path) -> None:
    for path, told in (
        (tmp_path, "is a directory"),
        (tmp_path / "gone" / "x", "no such directory: .*gone"),
    ):
        with pytest.raises(BadInput, match=told):
            disk_space.check_target(path)
    disk_space.check_target(tmp_path / "x")
    disk_space.check(tmp_path / "x", 1)
    with pytest.raises(StepFailed, match=r"it needs .* MiB, .* MiB are free") as caught:
        disk_space.check(tmp_path / "x", 1 << 60)
    assert caught.value.error_id == "local-disk"
