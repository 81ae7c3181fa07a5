"""A wheel, installed by pipx with nothing else around, runs the README's tour on booted hosts."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from tests.support.checkout import ROOT, copy_to
from tests.support.command import Done
from tests.support.documents import commands_in
from tests.support.fleet import PASSPHRASE, Fleet

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Where this machine has pip look for packages.
_INDEX = ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_TRUSTED_HOST")


@dataclass(frozen=True)
class Installed:
    """The edgeboot that pipx installed, and an environment that knows of no other."""

    program: Path
    env: Mapping[str, str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    top = tmp_path_factory.mktemp("pipx")
    wheels, source = top / "wheels", copy_to(top / "source")
    python = [sys.executable, "-m"]
    build = [*python, "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = wheels.glob("edgeboot-*.whl")
    env = {
        "PATH": f"{top / 'bin'}:{SYSTEM}",
        "HOME": str(top / "home"),
        "PIPX_HOME": str(top / "pipx"),
        "PIPX_BIN_DIR": str(top / "bin"),
        "COLUMNS": "160",
        **{name: os.environ[name] for name in _INDEX if name in os.environ},
    }
    (top / "home").mkdir()
    install = [*python, "pipx", "install", "--python", sys.executable, str(wheel)]
    done = subprocess.run(install, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return Installed(top / "bin" / "edgeboot", env)


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    words = ("-c", "import edgeboot; print(edgeboot.__file__)")
    python = installed.program.resolve().parent / "python"
    said = subprocess.run(
        [python, *words], cwd="/", env=dict(installed.env), stdout=subprocess.PIPE
    )
    assert Path(said.stdout.decode().strip()).is_relative_to(installed.env["PIPX_HOME"])


def test_the_quick_start_of_the_readme_works(
    installed: Installed, bare: Fleet, release: Path, tmp_path: Path
) -> None:
    fleet = replace(bare, work=tmp_path)
    ran = []
    for line in commands_in(ROOT / "README.md"):
        words = fleet.adapted(shlex.split(line, comments=True)[1:], release)
        done = run([installed.program, *words], installed.env, tmp_path)
        expected = {"plan": {10}, "verify": {0, 6}}.get(words[0], {0})  # the stand-in has no pods
        assert done.code in expected, f"{line}\n{done.all}"
        assert "Traceback" not in done.all
        if words[:2] == ["inventory", "init"]:
            _add_what_the_lab_needs(tmp_path / "inventory.yml", bare)
        ran.append(words[0])
    assert {"bundle", "inventory", "preflight", "plan", "install", "status", "verify"} <= set(ran)
    assert all(fleet.nodes().values())
    assert "<html" in (tmp_path / "report.html").read_text()


def run(argv: list[str | Path], env: Mapping[str, str], cwd: Path) -> Done:
    done = subprocess.run(
        argv, cwd=cwd, env=env, input=PASSPHRASE, capture_output=True, text=True, timeout=600
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _add_what_the_lab_needs(inventory: Path, fleet: Fleet) -> None:
    """The hosts are containers of one machine, which a reader's are not."""
    document = yaml.safe_load(inventory.read_text())
    document["cluster"]["config"] = fleet.base["cluster"]["config"]
    inventory.write_text(yaml.safe_dump(document, sort_keys=False))
