from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bundle import sites


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one of everything; tests do not change it."""
    return sites.small_bundle(tmp_path_factory.mktemp("bundle"))
