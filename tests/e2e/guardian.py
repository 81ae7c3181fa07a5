"""Takes a lab down when the tests that made it are gone, however they went.

Run with the lab's name; waits until standard input closes, which it does when the parent dies.
"""

from __future__ import annotations

import signal
import sys

from edgeboot.lab import lab as labs


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    labs.down(sys.argv[1], labs.STATE_DIR, lambda _line: None)


if __name__ == "__main__":
    main()
