"""Nothing around edgeboot changes which checks run: each has a result, or is named as missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import edgeboot
from edgeboot.verify.results import Category, Outcome
from edgeboot.verify.selection import CheckSelection
from tests.support.verify_hosts import outcomes, site, verified

ROOT = Path(edgeboot.__file__).parent.parent
HOSTILE = """
import pytest

def pytest_collection_modifyitems(items):
    items.clear()

def pytest_runtest_call():
    raise AssertionError("the environment took part")

def pytest_generate_tests(metafunc):
    raise AssertionError("the environment took part")
"""
DESELECTS = "[pytest]\naddopts = -k api\nfilterwarnings = error\n"
IN_TOML = '[tool.pytest.ini_options]\naddopts = "-k api"\n'

VARIABLES: dict[str, dict[str, str]] = {
    "collect only": {"PYTEST_ADDOPTS": "--collect-only"},
    "workers": {"PYTEST_ADDOPTS": "-n 2"},
    "keyword": {"PYTEST_ADDOPTS": "-k api"},
    "stops early": {"PYTEST_ADDOPTS": "--maxfail=1 --stepwise -x"},
    "unknown option": {"PYTEST_ADDOPTS": "--nothing-like-this"},
    "plugins": {"PYTEST_PLUGINS": "hostile"},
    "no such plugin": {"PYTEST_PLUGINS": "nothing_like_this"},
    "autoload": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""},
    "warnings": {"PYTHONWARNINGS": "error"},
    "debugging": {"PYTEST_DEBUG": "1"},
}
FILES: dict[str, dict[str, str]] = {
    "pytest.ini": {"pytest.ini": DESELECTS},
    ".pytest.ini": {".pytest.ini": DESELECTS},
    "tox.ini": {"tox.ini": DESELECTS},
    "setup.cfg": {"setup.cfg": DESELECTS.replace("[pytest]", "[tool:pytest]")},
    "pyproject.toml": {"pyproject.toml": IN_TOML},
    "pytest.toml": {"pytest.toml": '[pytest]\naddopts = ["-k", "api"]\n'},
    "conftest.py": {"conftest.py": HOSTILE},
    "a test": {"test_here.py": "def test_here():\n    raise AssertionError\n"},
}


@pytest.fixture(scope="module")
def usual() -> list[str]:
    """How healthy hosts' checks end."""
    found = outcomes(verified(site()))
    assert len(found) > 30
    assert all(one.endswith(" passed") for one in found)
    return found


def own(directory: Path) -> tuple[Path, list[str]]:
    """A test of the user's own that passes by its conftest.py, and warns."""
    directory.mkdir()
    (directory / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef port():\n    return 6443\n"
    )
    (directory / "test_site.py").write_text(
        "import warnings\ndef test_port(port, node):\n"
        "    warnings.warn('old')\n    assert port == 6443\n"
    )
    return directory, [f"own {node} port  passed" for node in ("server-1", "agent-1")]


@pytest.mark.parametrize("name", [*VARIABLES, *FILES])
def test_in_process(
    name: str, tmp_path: Path, usual: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, more = own(tmp_path / "own")
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    for file, text in FILES.get(name, {}).items():
        (tmp_path / file).write_text(text)
    for variable, value in VARIABLES.get(name, {}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    with warnings.catch_warnings():
        if name == "warnings":
            warnings.simplefilter("error")
        found = verified(site(), CheckSelection(tests=(directory,)))
    assert outcomes(found) == sorted([*usual, *more])
    assert found.exit_code == 0
    assert os.environ == before


def in_a_process(directory: Path, variables: Mapping[str, str], *tests: Path) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{directory}", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.verify_process", *tests],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_in_a_process_of_its_own(tmp_path: Path, usual: list[str]) -> None:
    """Everything hostile at once, with a plugin that pytest loads by itself."""
    directory, more = own(tmp_path / "own")
    files = {name: text for some in FILES.values() for name, text in some.items()}
    for name, text in {**files, "hostile.py": HOSTILE}.items():
        (tmp_path / name).write_text(text)
    installed = tmp_path / "hostile-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[pytest11]\nhostile = hostile\n")
    variables = {"PYTEST_ADDOPTS": "--collect-only -k api", "PYTEST_PLUGINS": "hostile"}
    found = in_a_process(tmp_path, variables, directory)
    assert found == {"exit_code": 0, "outcomes": sorted([*usual, *more])}


@pytest.mark.parametrize("name", ["collect only", "workers", "keyword"])
def test_variables_in_a_process_of_its_own(name: str, tmp_path: Path, usual: list[str]) -> None:
    found = in_a_process(tmp_path, VARIABLES[name])
    assert found == {"exit_code": 0, "outcomes": usual}


def test_a_conftest_above_the_installation(tmp_path: Path, usual: list[str]) -> None:
    """As where the virtual environment is in a project's directory."""
    package = tmp_path / "venv" / "edgeboot"
    shutil.copytree(ROOT / "edgeboot", package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conftest.py").write_text(HOSTILE)
    found = in_a_process(tmp_path, {"PYTHONPATH": f"{package.parent}:{ROOT}"})
    assert found == {"exit_code": 0, "outcomes": usual}


def test_a_conftest_above_the_users_tests_takes_no_part(tmp_path: Path) -> None:
    directory, more = own(tmp_path / "own")
    (tmp_path / "conftest.py").write_text(HOSTILE)
    found = verified(site(), CheckSelection(tests=(directory,), keyword="port"))
    assert outcomes(found) == sorted(more)


# Further arguments of pytest, and how many of the checks have results nevertheless.
WHATEVER = {
    "nothing runs": (["--collect-only"], 0),
    "one runs": (["-k", "test_api"], 1),
    "it stops": (["--maxfail=1"], 3),
    "it does not start": (["--nothing-like-this"], 0),
    "a plugin is missing": (["-p", "nothing_like_this"], 0),
    "its loop breaks": (["-p", "broken_loop"], 0),
}


def changed_pytest(monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    real = pytest.main

    def changed(arguments: list[str], plugins: list[object]) -> int:
        return real([*arguments, *more], plugins=plugins)

    monkeypatch.setattr(pytest, "main", changed)


@pytest.mark.parametrize("name", WHATEVER)
def test_a_check_without_a_result_is_named_and_not_measured(
    name: str, tmp_path: Path, usual: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changes the session: what is expected is known without it."""
    (tmp_path / "broken_loop.py").write_text(
        "def pytest_runtestloop(session):\n    raise RuntimeError('broken loop')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    made = site()
    made.hosts["server-1"].state.version = "v0"  # the third check: for --maxfail
    more, ran = WHATEVER[name]
    changed_pytest(monkeypatch, more)
    found = verified(made)
    assert {one.rpartition(" ")[0] for one in usual} == {
        " ".join((r.category, r.node, r.check, r.subject)) for r in found.results
    }
    assert len(found.results) == len(usual)
    missing = [r for r in found.results if r.outcome is Outcome.NOT_MEASURED]
    assert len(missing) == len(usual) - ran
    assert all(r.message.startswith("this check did not run: ") for r in missing)
    assert ("broken loop" in missing[0].message) == (name == "its loop breaks")
    assert found.exit_code == (1 if name == "it stops" else 6)


@pytest.mark.parametrize("more", [["--collect-only"], ["--maxfail=1"]])
def test_a_test_of_ones_own_without_a_result_is_named_too(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_ends_early.py").write_text(
        "def test_a():\n    raise AssertionError('wrong')\ndef test_b():\n    pass\n"
    )
    changed_pytest(monkeypatch, more)
    found = verified(site(), CheckSelection(only=frozenset({Category.OWN}), tests=(tmp_path,)))
    ended = [(r.check, r.outcome) for r in found.results]
    if more == ["--maxfail=1"]:
        assert ended == [("a", Outcome.FAILED), ("b", Outcome.NOT_MEASURED)]
    else:
        assert ended == [("a", Outcome.NOT_MEASURED), ("b", Outcome.NOT_MEASURED)]
        assert found.exit_code == 6


def test_no_result_at_all_is_not_passed() -> None:
    assert replace(verified(site()), results=()).exit_code == 6
