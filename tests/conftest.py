"""Which tests share a worker where there are several: those that share hosts or services.

Booted hosts spend their time waiting, so two groups of them and the rest go side by side; within a
group one test follows the other, and a fixture of the session is set up once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

GROUPS = {"e2e": "e2e", "faults": "hosts", "lab": "hosts", "integration": "services"}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        room, *below = item.path.relative_to(here).parts
        # Tests of one file share what its fixtures made.
        group = GROUPS.get(room, "/".join((room, *below)))
        item.add_marker(pytest.mark.xdist_group(group))
