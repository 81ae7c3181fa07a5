"""Which tests share a worker where there are several: those that share hosts or services.

Booted hosts spend their time waiting, so two groups of them and the rest go side by side; within a
group one test follows the other, and a fixture of the session is set up once. The long groups come
first, as in the order of the directories.
"""

from __future__ import annotations

from typing import Any

import pytest

GROUPS = {"e2e": "e2e", "faults": "hosts", "lab": "hosts", "integration": "services"}


def group_of(nodeid: str) -> str:
    """The group of a test: its directory's, or its file."""
    path = nodeid.partition("::")[0]
    _, room, *_ = path.split("/")
    return GROUPS.get(room, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's own groups are lost on pytest 9.2, which lets nobody rename a test."""
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False
    return Grouped(config, log)
