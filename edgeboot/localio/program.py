"""Runs a program of this machine whose output is wanted: bounded in time and in bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from edgeboot.errors import BadInput


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    what: str,
    seconds: float,
    most: int,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Runs it and waits; ``environment`` is added to our own.

    ``BadInput`` if it cannot be started, takes longer than ``seconds``, or prints more than
    ``most`` bytes. ``what`` is its name in errors.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # no prompt on the terminal, and its children end with it
            )
        except OSError as error:
            hint = "check the program, then rerun the command"
            raise BadInput(f"cannot run {what}: {error.strerror}", hint=hint) from error
        try:
            process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise BadInput(
                f"{what} did not end within {seconds:g} s", hint=f"run it yourself: {argv[0]}"
            ) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            data = file.read(most + 1)
            if len(data) > most:
                raise BadInput(f"{what} printed more than {most} bytes", hint="run it yourself")
            texts.append(data.decode("utf-8", "replace"))
    return Done(process.returncode, *texts)
