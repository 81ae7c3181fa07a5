"""The shells that hosts have."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.shell.snippets import Host


@pytest.fixture(params=[("dash",), ("busybox", "sh")], ids=lambda words: words[0])
def sh(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The words that start a shell."""
    words: tuple[str, ...] = request.param
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {words[0]}")
    return words


@pytest.fixture
def host(sh: tuple[str, ...], tmp_path: Path) -> Host:
    """A host made of directories, with one of the shells."""
    return Host(sh, tmp_path)
