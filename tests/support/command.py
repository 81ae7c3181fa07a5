"""The edgeboot command in a process of its own, without waiting for Python to start.

A server process has imported edgeboot once; each run is a fork of it with its own directory,
environment, streams and exit code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("edgeboot.cli.main", "edgeboot.cli.cluster.install", "edgeboot.cli.verify.command"),
        *("edgeboot.cli.bundle.build", "edgeboot.transport.ssh.connection", "pytest", "testinfra"),
    ]
)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both streams, for messages."""
        return f"exit {self.code}\n{self.out}\n{self.err}"


def run(
    words: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    typed: str = "",
    timeout: float = 600,
) -> Done:
    """Run edgeboot with ``typed`` as its standard input, for at most ``timeout`` seconds."""
    argv = ["edgeboot", *map(str, words)]
    with tempfile.TemporaryDirectory() as work:
        streams = [Path(work, name) for name in ("in", "out", "err")]
        streams[0].write_text(typed)
        place = str(cwd or Path.cwd())
        process = _FORKS.Process(target=_main, args=(argv, dict(env), place, streams))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(argv, timeout, *(p.read_bytes() for p in streams[1:]))
        assert process.exitcode is not None
        return Done(process.exitcode, *(path.read_text() for path in streams[1:]))


def _main(argv: list[str], env: dict[str, str], cwd: str, streams: list[Path]) -> None:
    from edgeboot.cli.main import main

    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, path in enumerate(streams):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the server's own leads nowhere
    sys.argv = argv
    main()
