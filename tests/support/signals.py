"""Signals of programs that tests start."""

from __future__ import annotations

import signal


def heard() -> None:
    """For ``preexec_fn``: a shell's background job ignores SIGINT, and so would its programs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
