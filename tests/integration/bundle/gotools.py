"""Programs that come as Go modules, built once and kept below ~/.cache/edgeboot-tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

_BUILD_SECONDS = 280
_GO = (1, 24)
_CACHE = Path.home() / ".cache" / "edgeboot-tests"  # tests give HOME other values
HELM_VERSION = "v3.18.6"


def helm() -> Path:
    """A Helm that says its version as its published builds do (Makefile: LDFLAGS)."""
    module = f"helm.sh/helm/v3/cmd/helm@{HELM_VERSION}"
    return go_tool("helm", module, "helm.sh/helm/v3/internal/version.version")


def go_tool(name: str, module: str, stamped: str = "") -> Path:
    """A tool at a version; built with ``go install`` the first time, skipped without a Go.

    ``stamped`` is the variable that gets the version when it is linked.
    """
    version = module.rpartition("@")[2]
    directory = _CACHE / f"{name}-{version}{'-stamped' if stamped else ''}"
    program = directory / name
    if program.exists():
        return program
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        pytest.skip(f"{name} is built with Go, and there is none")
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True)
    found = re.match(r"go([0-9]+)\.([0-9]+)", said.stdout)
    if found is None or (int(found[1]), int(found[2])) < _GO:
        pytest.skip(f"{name} needs Go 1.24 or newer, this is {said.stdout.strip()}")
    flags = f"-s -w -X {stamped}={version}" if stamped else "-s -w"
    try:
        done = subprocess.run(
            ["nice", go, "install", f"-ldflags={flags}", module],
            env={**os.environ, "GOBIN": str(directory), "GOFLAGS": "-trimpath"},
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:  # what Go has compiled stays in its cache for the next run
        pytest.skip(f"{name} could not be built within {_BUILD_SECONDS} s")
    if done.returncode:
        pytest.skip(f"{name} cannot be built here: {done.stderr.strip()[-200:]}")
    return program
