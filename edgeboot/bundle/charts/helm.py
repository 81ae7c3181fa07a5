"""A ``helm`` that renders charts with nothing of the user's own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput, StepFailed
from edgeboot.yaml import strict

_SECONDS = 120


@dataclass(frozen=True)
class Helm:
    """A helm program; charts are rendered for ``kube_version`` (``v1.36.2``; empty: Helm's own)."""

    program: str
    kube_version: str

    def template(self, chart: Path, name: str, namespace: str, values: str | None) -> list[object]:
        """The manifests of a packed chart; StepFailed with Helm's own words where it fails."""
        with tempfile.TemporaryDirectory() as home:
            packed = Path(home, "chart.tgz")
            packed.symlink_to(chart.resolve())
            given = Path(home, "values.yaml")
            given.write_text(values or "{}")
            argv = ["template", name, str(packed), "--namespace", namespace]
            argv += ["--values", str(given), "--include-crds", "--skip-tests"]
            argv += ["--kube-version", self.kube_version] if self.kube_version else []
            for version in ("helm.cattle.io/v1/HelmChart", "traefik.io/v1alpha1/IngressRoute"):
                argv += ["--api-versions", version]
            done = run(self.program, argv, home)
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()[-500:]
            raise StepFailed(f"helm template {name}: {words}", hint="mend the chart or its values")
        try:
            return strict.parse_foreign_all(done.stdout)
        except ValueError as error:
            raise StepFailed(f"helm template {name} printed no YAML: {error}") from None


def run(program: str, argv: list[str], home: str) -> subprocess.CompletedProcess[bytes]:
    """Run a helm with an environment of its own, below ``home``; StepFailed where it cannot be."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": home}
    try:
        return subprocess.run(
            [program, *argv], capture_output=True, env=environment, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepFailed(f"{program} cannot be run: {error}") from error


def find(given: str | None) -> str | None:
    """The helm that is named, else that on the PATH, else None; BadInput for a name of nothing."""
    program = shutil.which(given or "helm")
    if given and program is None:
        raise BadInput(f"there is no program {given}", hint="give --helm the path of a helm")
    return program
