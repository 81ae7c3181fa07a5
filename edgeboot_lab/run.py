"""Run one command: argv, a deadline, and an error that shows what the command said."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edgeboot_lab.errors import LabFailed

SECONDS = 30.0


def run(
    argv: Sequence[str],
    *,
    timeout: float = SECONDS,
    check: bool = True,
    stdin: bytes | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run ``argv`` and return it with both streams; LabFailed if it fails or takes too long.

    Children inherit the lab's lock (the only descriptor marked inheritable, see ``locks``): were
    this process killed here, nobody else would start on the lab before the command is over.
    """
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            close_fds=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabFailed(f"`{' '.join(argv)}` took longer than {timeout:.0f} s") from error
    except OSError as error:
        raise LabFailed(f"cannot start `{argv[0]}`: {error.strerror}") from error
    if check and done.returncode != 0:
        raise LabFailed(f"`{' '.join(argv)}` exited {done.returncode}: {_last_words(done)}")
    return done


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    return said[-2000:] if said else "(no output)"
