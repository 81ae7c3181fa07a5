"""Wheels of edgeboot and its dependencies, to install an offline controller from a bundle.

pip collects them from its configured index. No other module runs pip.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import edgeboot
from edgeboot.bundle.build.local_files import FileEntry
from edgeboot.errors import StepFailed

README = "edgeboot-README.txt"
_PIP_SECONDS = 900

_TEXT = """\
edgeboot {version} and its dependencies, for {target}.

To set up a controller without Internet access, run in this directory:

    python3 -m venv ~/edgeboot
    ~/edgeboot/bin/pip install --no-index --find-links . edgeboot
    ~/edgeboot/bin/edgeboot --version
"""


@dataclass(frozen=True)
class Target:
    """The controller that the wheels are for; None means this machine.

    ``python`` is a version like ``3.11``; ``platform`` is a wheel tag like
    ``manylinux2014_aarch64``.
    """

    python: str | None = None
    platform: str | None = None

    def __str__(self) -> str:
        python = self.python or f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"Python {python} on {self.platform or os.uname().machine}"


def collect(directory: Path, target: Target) -> tuple[FileEntry, ...]:
    """Put wheels and a README into ``directory``; returns a bundle entry for each file.

    Raises StepFailed with pip's output if pip fails.
    """
    _pip("wheel", "--no-deps", "--wheel-dir", str(directory), _ourselves())
    (ours,) = directory.glob("edgeboot-*.whl")
    if target.python or target.platform:
        chosen: tuple[str, ...] = ("--only-binary=:all:",)
        chosen += ("--python-version", target.python) if target.python else ()
        chosen += ("--platform", target.platform) if target.platform else ()
        _pip("download", *chosen, "--dest", str(directory), str(ours))
    else:
        _pip("wheel", "--wheel-dir", str(directory), str(ours))
    text = _TEXT.format(version=edgeboot.__version__, target=target)
    (directory / README).write_text(text, encoding="utf-8")
    return tuple(FileEntry(path, "--with-edgeboot") for path in sorted(directory.iterdir()))


def _ourselves() -> str:
    """Return the requirement for pip: this checkout, or else the running release."""
    checkout = Path(edgeboot.__file__).parent.parent
    if (checkout / "pyproject.toml").is_file():
        return str(checkout)
    return f"edgeboot=={edgeboot.__version__}"


def _pip(*words: str) -> None:
    argv = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words)
    # 1980, the earliest date in a zip file: makes wheels reproducible.
    env = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    try:
        done = subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise StepFailed(f"pip {words[0]} took longer than {_PIP_SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.strip()[-2000:] or "(it printed no reason)"
        raise StepFailed(
            f"pip {words[0]} failed: {said}",
            hint=_without_pip()
            if "No module named pip" in said
            else f"check that pip reaches its index: {shlex.quote(sys.executable)} -m pip index "
            "versions edgeboot",
        )


def _without_pip() -> str:
    """What adds pip to the environment of edgeboot; pipx and uv create theirs without it."""
    prefix = Path(sys.prefix).parts
    if "pipx" in prefix:
        command = "pipx inject edgeboot pip"
    elif "uv" in prefix:
        command = "uv tool install --with pip --force edgeboot"
    else:
        command = f"{shlex.quote(sys.executable)} -m ensurepip"
    return f"add pip to edgeboot's environment, then rerun: {command}"
