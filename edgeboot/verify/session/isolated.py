"""A pytest session in this process that nothing around it can change.

It ignores environment variables (``PYTEST_ADDOPTS``, ``PYTEST_PLUGINS``, ``PYTHONWARNINGS`` …),
installed plugins, and pytest.ini, pyproject.toml, tox.ini, setup.cfg and conftest.py in the current
directory or around edgeboot's installation.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_OFF = (
    "cacheprovider",
    "faulthandler",
    "terminal",
    "threadexception",
    "unraisableexception",
    "warnings",
)


def run_pytest(
    paths: Sequence[Path], plugin: object, *, root: Path, conftest: bool, run: bool = True
) -> pytest.ExitCode | int:
    """Runs the tests at ``paths``, silently, with one plugin.

    With ``conftest``, conftest.py of ``root`` and of directories below it take part. Without
    ``run``, the tests are only collected.
    """
    arguments = [
        *map(str, paths),
        "--capture=sys",
        f"--rootdir={root}",
        f"--confcutdir={root}",
        f"--config-file={os.devnull}",
        *(() if conftest else ("--noconftest",)),
        *(() if run else ("--collect-only",)),
        *(word for name in _OFF for word in ("-p", f"no:{name}")),
    ]
    with _environment_without_pytest(), _imports_undone(root), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.main(arguments, plugins=[plugin])


@contextmanager
def _environment_without_pytest() -> Iterator[None]:
    hidden = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    for name in hidden:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(hidden)


@contextmanager
def _imports_undone(root: Path) -> Iterator[None]:
    """Pytest imports files by their base names: those of two directories may be the same."""
    path, modules = list(sys.path), set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(root):
                del sys.modules[name]
