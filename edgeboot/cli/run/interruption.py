"""Ctrl-C and SIGTERM: closes all connections, which ends every wait, and reports it.

The signal handler runs in the main thread, between any two instructions, so it must not take a
lock: a separate thread closes the connections. However the interrupted block ends, the outcome is
``Interrupted``.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from edgeboot.cli.terminal.hidden import restore
from edgeboot.errors import Interrupted
from edgeboot.transport.base import Transport
from edgeboot.transport.ssh.cancellation import Cancellation

GONE_WITHIN = (
    4.0  # seconds until the process exits if closing does not end a wait: a name server, a bug
)
_CLOSERS = 32


def interrupted(what: str = "interrupted") -> Interrupted:
    """The error that ends the command."""
    again = shlex.join(["edgeboot", *sys.argv[1:]])
    return Interrupted(what, hint=f"rerun: {again}")


@contextmanager
def closing_on_signals(
    opened: Mapping[str, Transport], cancellation: Cancellation
) -> Iterator[None]:
    """On Ctrl-C or SIGTERM ends the block with ``Interrupted``, and with it every wait in it.

    ``opened`` may grow and shrink meanwhile. A second signal ends the process at once.
    """
    stop = _Stop(opened, cancellation)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException as error:
        if stop.asked:
            raise interrupted("interrupted: all connections are closed") from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.last_resort.cancel()
    if stop.asked:
        raise interrupted("interrupted: all connections are closed")


def close_all(opened: Mapping[str, Transport]) -> None:
    """Closes all connections at the same time, which ends what waits for an answer on one."""
    transports = list(opened.values())
    if transports:
        with ThreadPoolExecutor(min(_CLOSERS, len(transports))) as pool:
            list(pool.map(lambda transport: transport.close(), transports))


class _Stop:
    """The handler of both signals."""

    def __init__(self, opened: Mapping[str, Transport], cancellation: Cancellation) -> None:
        self.asked = False
        self._opened = opened
        self._cancellation = cancellation
        self.last_resort = threading.Timer(GONE_WITHIN, _leave, (f"after {GONE_WITHIN:g} s",))
        self.last_resort.daemon = True  # else it would be what the process waits for

    def __call__(self, _number: int, _frame: FrameType | None) -> NoReturn:
        if self.asked:
            _leave("at the second signal")
        self.asked = True
        self.last_resort.start()
        threading.Thread(target=self._close, name="edgeboot-close", daemon=True).start()
        raise KeyboardInterrupt

    def _close(self) -> None:
        self._cancellation.cancel()
        close_all(self._opened)


def _leave(when: str) -> NoReturn:
    restore()
    click.echo(f"error: {interrupted(f'interrupted: cut off {when}').tell()}", err=True)
    sys.stderr.flush()
    os._exit(Interrupted.exit_code)
