"""Takes a lab down when the tests that made it are gone, however they went.

As a program: the lab's name and state directory; waits until standard input closes, which it does
when the parent dies.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeboot_lab import lab as labs


@contextmanager
def guarded(name: str, state_dir: Path = labs.STATE_DIR) -> Iterator[None]:
    """Whatever happens inside, or to this process, the lab of that name is gone afterwards."""
    argv = [sys.executable, "-m", "tests.support.guardian", name, str(state_dir)]
    guardian = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guardian.communicate(timeout=120)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    labs.down(sys.argv[1], Path(sys.argv[2]), lambda _line: None)


if __name__ == "__main__":
    main()
