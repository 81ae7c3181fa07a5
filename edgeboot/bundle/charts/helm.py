"""Renders charts with Helm, under resource limits and without the user's settings.

Templates are untrusted programs that can use any amount of memory, time and output. They have no
network access: Helm resolves names only with ``--enable-dns``, and ``helm template`` contacts no
cluster.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput, StepFailed
from edgeboot.yaml import foreign

_MEMORY = 768 << 20  # bytes; rendering kube-prometheus-stack takes a quarter of that
_OUTPUT_MAX = 32 << 20
_SECONDS = 120
_WORDS_MAX = 500
_HEAD_MAX = 16 << 10
_CRASHES = ("fatal error:", "runtime:", "runtime/cgo:")
_NO_MEMORY = ("out of memory", "cannot allocate memory", "pthread_create failed")
_SHELL = (
    "ulimit -c 0; ulimit -d $(($1 >> 10)) && ulimit -f $(($2 >> 9)) && ulimit -t $3 && shift 3 && "
    'exec "$@"'
)
_CANNOT_RUN = (126, 127)  # POSIX: what a shell exits with


@dataclass(frozen=True)
class Helm:
    """A helm program; charts are rendered for ``kube_version`` (``v1.36.2``; empty: default)."""

    program: str
    kube_version: str
    seconds: int = _SECONDS

    def template(self, chart: Path, name: str, namespace: str, values: str | None) -> list[object]:
        """Render a packed chart; returns its manifests, with every scalar as text.

        Raises StepFailed with Helm's output if it fails or exceeds a limit.
        """
        with tempfile.TemporaryDirectory(prefix="edgeboot-helm-") as home:
            packed = Path(home, "chart.tgz")
            packed.symlink_to(chart.resolve())
            given = Path(home, "values.yaml")
            given.write_text(values or "{}")
            argv = ["template", name, str(packed), "--namespace", namespace]
            argv += ["--values", str(given), "--skip-tests"]
            argv += ["--kube-version", self.kube_version] if self.kube_version else []
            for version in ("helm.cattle.io/v1/HelmChart", "traefik.io/v1alpha1/IngressRoute"):
                argv += ["--api-versions", version]
            output = self._run(argv, home, f"helm template {name}", "fix the chart or its values")
        try:
            return foreign.parse_all_texts(output)
        except ValueError as error:
            raise StepFailed(f"helm template {name} printed invalid YAML: {error}") from None

    def version(self) -> str:
        """Return the version that the program reports."""
        with tempfile.TemporaryDirectory(prefix="edgeboot-helm-") as home:
            output = self._run(["version", "--template", "{{.Version}}"], home, "helm version")
        return output.decode("utf-8", "replace").strip()

    def _run(self, argv: list[str], home: str, what: str, hint: str | None = None) -> bytes:
        """Run the program; returns its output, which goes to files of limited size."""
        limits = (str(_MEMORY), str(_OUTPUT_MAX), str(self.seconds))
        command = ["/bin/sh", "-c", _SHELL, "sh", *limits, self.program, *argv]
        output, errors = Path(home, "stdout"), Path(home, "stderr")
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=_environment(home),
                start_new_session=True,
            )
            status: int | None = None
            try:
                status = process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                pass  # reported below
            finally:
                if status is None:
                    _end(process)
        words = _words(errors)
        if status in _CANNOT_RUN:
            raise StepFailed(f"cannot run {self.program}: {words}")
        if problem := self._problem(status, words, output.stat().st_size):
            raise StepFailed(f"{what} {problem}", hint=hint)
        return output.read_bytes()

    def _problem(self, status: int | None, words: str, size: int) -> str | None:
        """Describe a failure, or return None; a ``status`` of None is a timeout."""
        if status is None:
            return f"took longer than {self.seconds} s"
        if size >= _OUTPUT_MAX:
            return f"printed more than {_OUTPUT_MAX >> 20} MiB"
        if status == -signal.SIGKILL:
            return f"was killed: it used more than {self.seconds} s of CPU time, or memory ran out"
        if status and any(reason in words for reason in _NO_MEMORY):
            return f"used more than {_MEMORY >> 20} MiB of memory"
        return f"failed: {words}" if status else None


def find(given: str | None) -> str | None:
    """Return the path of ``given``, else of helm on PATH, else None.

    Raises BadInput if ``given`` does not exist.
    """
    program = shutil.which(given or "helm")
    if given and program is None:
        raise BadInput(
            f"program {given} not found", hint="pass the path of a Helm program to --helm"
        )
    return program


def _environment(home: str) -> dict[str, str]:
    """Return an environment without the user's settings, credentials and plug-ins."""
    names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS")
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": home,
        "TMPDIR": home,
        "KUBECONFIG": os.devnull,
        "HELM_NO_PLUGINS": "1",
        "GOMEMLIMIT": str(_MEMORY * 3 // 4),  # collect garbage before reaching the limit
        **{name: str(Path(home, name.lower())) for name in names},
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _words(path: Path) -> str:
    """Return the end of a program's output, or the reason of a crash of Go's runtime."""
    with path.open("rb") as file:
        head = file.read(_HEAD_MAX).decode("utf-8", "replace")
        file.seek(max(0, path.stat().st_size - _WORDS_MAX))
        tail = file.read().decode("utf-8", "replace")
    crash = next((line for line in head.splitlines() if line.startswith(_CRASHES)), None)
    return crash or tail.strip() or "(it printed no reason)"
