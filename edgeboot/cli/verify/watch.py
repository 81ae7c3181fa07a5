"""``verify --watch``: what nodes use, continuously, until Ctrl-C."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import click
from rich.live import Live

from edgeboot.cli.terminal.streams import unguarded
from edgeboot.cli.terminal.verbosity import is_quiet
from edgeboot.cli.verify.output import wide_console
from edgeboot.report.verification.text import watch_table
from edgeboot.verify.results import Measured, NodeReport
from edgeboot.verify.suite import Fleet
from edgeboot.verify.summary import node_report, thinned

_KEPT = 240  # points of a series
_ENDLESS = 100_000
_SPARE = 3  # lines of a screen: what is done, the heading and the cursor


def watch_use(fleet: Fleet, window: int) -> NoReturn:
    """Samples one window after the other, until Ctrl-C raises Interrupted.

    Nothing runs on the hosts between windows, so a lost connection leaves nothing behind.
    """
    console = wide_console(unguarded(sys.stdout))
    if not is_quiet():
        click.echo(f"sampling {len(fleet.subjects)} hosts every {window} s, until Ctrl-C", err=True)
    room = console.height - _SPARE if console.is_terminal else _ENDLESS
    past: dict[tuple[str, str], tuple[tuple[float, int], ...]] = defaultdict(tuple)
    with Live(console=console, auto_refresh=False) as live:
        elapsed = 0.0
        while True:
            fleet.sample(window)
            reports = [node_report(subject) for subject in fleet.subjects.values()]
            table = watch_table(_joined(reports, past, elapsed), room, console.width)
            if console.is_terminal:
                live.update(table, refresh=True)
            else:
                console.print(table)
            elapsed += window


def _joined(
    reports: Sequence[NodeReport],
    past: dict[tuple[str, str], tuple[tuple[float, int], ...]],
    elapsed: float,
) -> list[NodeReport]:
    """The latest figures with the series of all windows so far."""

    def longer(node: str, measured: Measured) -> Measured:
        fresh = tuple((elapsed + at, value) for at, value in measured.series)
        past[node, measured.what] = (past[node, measured.what] + fresh)[-_KEPT:]
        return replace(measured, series=thinned(past[node, measured.what]))

    return [
        replace(node, figures=tuple(longer(node.name, m) for m in node.figures)) for node in reports
    ]
