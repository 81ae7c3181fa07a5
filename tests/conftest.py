"""What holds for every test."""

from __future__ import annotations

import signal

# A shell's background job ignores SIGINT, and what it starts inherits that: tests that interrupt a
# program would wait for ever. Programs get the default back when they are started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
