"""The real command on a terminal, with somebody who answers its questions."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from collections.abc import Mapping, Sequence


def on_terminal(
    words: Sequence[object],
    answers: Mapping[str, str],
    env: Mapping[str, str],
    *,
    seconds: float = 60,
) -> tuple[int, str]:
    """Runs ``edgeboot WORDS``; each answer is typed whenever its key is the last that was said."""
    argv = [sys.executable, "-m", "edgeboot.cli.main", *map(str, words)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, argv, dict(env))  # noqa: S606 - the child of the fork
    said, answered = "", 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            said += data.decode("utf-8", "replace")
        for question, answer in answers.items():
            if said[answered:].rstrip().endswith(question):
                # getpass drops what was typed before it had turned the echo off
                time.sleep(0.1)
                os.write(terminal, answer.encode() + b"\n")
                answered = len(said)
                break
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), said.replace("\r\n", "\n")
