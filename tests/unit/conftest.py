"""Unit tests are hermetic: no network, and no program but Python, sh and what a test wrote.

What needs more is an integration test. Random input is the same in every run where CI is set, and
no example is held to a deadline.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3  # noqa: F401 - tries once whether there is IPv6, when it is imported
from hypothesis import settings

settings.register_profile("edgeboot", deadline=None, max_examples=100)
settings.register_profile("ci", settings.get_profile("edgeboot"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "edgeboot")

_HERE = Path(__file__).parent
_NETWORK = {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}
_PROGRAMS = {"subprocess.Popen", "os.exec", "os.posix_spawn"}
_KNOWN = {Path(sys.executable), Path("/bin/sh"), Path("/usr/bin/sh")}


class Hermetic:
    """An audit hook that refuses while a unit test runs. Hooks cannot be taken away again."""

    def __init__(self) -> None:
        self.active = False
        self.pid = os.getpid()
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active or os.getpid() != self.pid:
            return
        if event in _NETWORK and not _is_local(arguments):
            pytest.fail(f"a unit test uses the network: {event} {arguments[-1]!r}", pytrace=True)
        if event in _PROGRAMS and not _may_run(arguments):
            pytest.fail(f"a unit test runs {arguments[0]!r}: make it an integration test")

    @contextmanager
    def during(self, item: pytest.Item) -> Iterator[None]:
        """Refuse while this phase of a unit test runs."""
        self.active = _HERE in item.path.parents
        try:
            yield
        finally:
            self.active = False


def _is_local(arguments: tuple[Any, ...]) -> bool:
    """Whether it is a socket in the file system."""
    return isinstance(arguments[-1], str | bytes) and hasattr(arguments[0], "family")


def _may_run(arguments: tuple[Any, ...]) -> bool:
    program = os.fsdecode(arguments[0])
    environment = arguments[3] if len(arguments) > 3 and arguments[3] else os.environ
    path = Path(shutil.which(program, path=environment.get("PATH")) or program)
    written = path.is_relative_to(tempfile.gettempdir())
    return path in _KNOWN or written or not path.exists()


_HERMETIC = Hermetic()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Fixtures of every scope are covered as they are set up."""
    with _HERMETIC.during(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """The teardown is not covered: a worker's last test also ends the session's fixtures."""
    with _HERMETIC.during(item):
        return (yield)
