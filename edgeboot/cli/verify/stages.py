"""Signs of life while hosts are sampled and inspected."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from edgeboot.cli.terminal.verbosity import is_quiet

_EVERY = {True: 1.0, False: 10.0}  # seconds, on a terminal and elsewhere


@contextmanager
def stage(what: str, seconds: int) -> Iterator[None]:
    """Says on standard error what is done, and how far it is, until the block ends.

    ``seconds`` is how long it takes; 0 where nobody knows.
    """
    if is_quiet():
        yield
        return
    click.echo(f"{what} for {seconds} s" if seconds else what, err=True)
    ended = threading.Event()
    words = (what, seconds, ended, sys.stderr.isatty())
    teller = threading.Thread(target=_tell, args=words, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _tell(what: str, seconds: int, ended: threading.Event, terminal: bool) -> None:
    began = time.monotonic()
    while not ended.wait(_EVERY[terminal]):
        spent = int(time.monotonic() - began)
        far = f"{min(spent, seconds)} of {seconds} s" if seconds else f"{spent} s"
        if terminal:
            click.echo(f"\r\x1b[K  {what}: {far}", err=True, nl=False)
        else:
            click.echo(f"  {what}: {far}", err=True)
    if terminal:
        click.echo("\r\x1b[K", err=True, nl=False)
