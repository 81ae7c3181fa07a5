"""Writes a verification to the terminal, standard output and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

from edgeboot.cli.terminal.verbosity import is_quiet
from edgeboot.errors import BadInput
from edgeboot.localio import atomic, disk_space
from edgeboot.report.verification.document import check_json, verification_json
from edgeboot.report.verification.html.page import verification_html
from edgeboot.report.verification.junit import junit_xml
from edgeboot.report.verification.prometheus import prometheus_text
from edgeboot.report.verification.text import node_table, problems, remarks, summary
from edgeboot.verify.catalogue import catalogue
from edgeboot.verify.results import TITLES, Verification
from edgeboot.verify.selection import CheckSelection

_ENDLESS = 100_000  # columns


def _json(found: Verification) -> str:
    return json.dumps(verification_json(found), indent=2) + "\n"


def _jsonl(found: Verification) -> str:
    checks = [{"event": "Check", **check_json(result)} for result in found.results]
    return "".join(json.dumps(line) + "\n" for line in (*checks, _end(found)))


def _end(found: Verification) -> dict[str, object]:
    whole = verification_json(found)
    del whole["checks"]
    return {"event": "Verification", **whole}


_FORMS: dict[str, Callable[[Verification], str]] = {
    "json": _json,
    "junit": junit_xml,
    "html": verification_html,
    "prometheus": prometheus_text,
}
_BY_SUFFIX: dict[str, Callable[[Verification], str]] = {
    ".json": _json,
    ".jsonl": _jsonl,
    ".xml": junit_xml,
    ".html": verification_html,
    ".prom": prometheus_text,
}


def render(found: Verification, output: str) -> None:
    """Shows a verification on standard output."""
    if output in _FORMS:
        click.echo(_FORMS[output](found), nl=False)
    elif output == "jsonl":  # checks were printed as they ended
        click.echo(json.dumps(_end(found)))
    else:
        _show(found)


def _show(found: Verification) -> None:
    console = wide_console()
    if not is_quiet():
        console.print(node_table(found))
        for node in found.nodes:
            if node.method != "cgroup":
                console.print(f"{node.name}: sums over processes; K3s shares its control group")
        for line in remarks(found):
            console.print(line, markup=False, soft_wrap=True)
        console.print()
    for line in problems(found):
        console.print(line, markup=False, soft_wrap=True)
    console.print(summary(found))


def wide_console(file: TextIO | None = None) -> Console:
    """A console that cuts and wraps nothing where its output is read by programs, or kept."""
    console = Console(file=file, highlight=False)
    return console if console.is_terminal else Console(file=file, highlight=False, width=_ENDLESS)


def checked_reports(paths: Sequence[Path]) -> None:
    """Refuses files that could not be written, before a host is contacted."""
    for path in paths:
        if path.suffix not in _BY_SUFFIX:
            raise BadInput(
                f"unknown report format {path.suffix!r}",
                where=str(path),
                hint=f"use one of {', '.join(_BY_SUFFIX)}",
            )
        disk_space.check_target(path.absolute())


def save(found: Verification, paths: Sequence[Path]) -> None:
    """Writes files; each appears whole, as collectors of metrics require."""
    for path in paths:
        atomic.write(path, _BY_SUFFIX[path.suffix](found))
        click.echo(f"wrote {path}", err=True)


def show_catalogue(scope: CheckSelection) -> None:
    """Lists the checks by category."""
    shown = None
    for check in catalogue(scope.tests):
        if check.category not in scope.only:
            continue
        if check.category is not shown:
            click.echo(f"{TITLES[check.category]} (--only {check.category.value})")
            shown = check.category
        click.echo(f"  {check.name:<16}{check.what}")
