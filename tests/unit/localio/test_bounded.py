"""Files that a user names are opened without waiting for anybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Refused
from edgeboot.localio import bounded


def test_reads_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    assert bounded.read(path, 4) == b"text"
    with pytest.raises(Refused, match="longer than 3 bytes"):
        bounded.read(path, 3)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="not a regular file"):
        bounded.read(tmp_path / "pipe", 10)


def test_a_device_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a regular file"):
        bounded.read(Path("/dev/zero"), 10)
    with pytest.raises(BadInput, match="Is a directory"):
        bounded.read(tmp_path, 10)


def test_the_null_device_is_an_empty_file() -> None:
    assert bounded.read(Path(os.devnull), 10) == b""


def test_the_pipe_that_a_shell_names_is_read_whole() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"text")
    os.close(theirs)
    try:
        assert bounded.read(Path(f"/dev/fd/{ours}"), 10) == b"text"
    finally:
        os.close(ours)


def test_a_pipe_is_nothing_to_read_at_a_position() -> None:
    ours, theirs = os.pipe()
    try:
        with pytest.raises(OSError, match="not a regular file"):
            bounded.descriptor(Path(f"/dev/fd/{ours}"))
    finally:
        os.close(ours)
        os.close(theirs)
