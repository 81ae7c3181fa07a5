"""Run in namespaces of its own: a host with many processes, descriptors and listeners.

busy_host.py PROCESSES COMMAND...: prints how many processes the command started, which the kernel
numbers one after another, and its output.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

PORTS = (443, 2379, 2380, 6443, 6444, 10250, 10256, 10257, 10258, 10259)
DESCRIPTORS = 40


def main() -> None:
    processes, argv = int(sys.argv[1]), sys.argv[2:]
    listeners = []
    for port in PORTS:
        listener = socket.socket()
        listener.bind(("0.0.0.0", port))  # noqa: S104 - in a network namespace of its own
        listener.listen()
        listeners.append(listener)
    files = tuple(os.open("/dev/null", os.O_RDONLY) for _ in range(DESCRIPTORS))
    crowd = [
        subprocess.Popen(["sleep", "600"], pass_fds=files, stdin=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    last = Path("/proc/sys/kernel/ns_last_pid")
    try:
        before = int(last.read_text())
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=240)
        count = int(last.read_text()) - before
        sys.stdout.write(f"{count}\n{done.stdout.decode()}")
        sys.stderr.write(done.stderr.decode())
    finally:
        for process in crowd:
            process.kill()


if __name__ == "__main__":
    main()
