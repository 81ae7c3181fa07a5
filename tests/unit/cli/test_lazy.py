"""What a command does not need is not imported: seconds on a small controller."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeboot.cli.main import cli


def imported_by(*words: str) -> set[str]:
    code = (
        "import sys\n"
        "from edgeboot.cli.main import cli\n"
        f"cli.main({[*words]!r}, standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (("--version",), {"paramiko", "requests", "rich", "pytest"}),
        (("install", "--help"), {"pytest", "cyclonedx", "requests"}),
        (("lab", "list", "--help"), {"paramiko", "requests", "pytest"}),
    ],
)
def test_only_what_is_needed_is_imported(words: tuple[str, ...], idle: set[str]) -> None:
    modules = imported_by(*words)
    assert words == ("--version",) or cli.lazy[words[0]] in modules
    assert not modules & idle
