from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from tests.support.bundle import fakes
from tests.support.bundle.sites import write_site


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one of everything; tests do not change it."""
    top = tmp_path_factory.mktemp("bundle")
    release = fakes.release(top / "release", ("amd64", "arm"))
    wanted = spec.load(write_site(top / "site"))
    return build(wanted, top / "edge.bundle", release=release, store=fakes.store(top))
