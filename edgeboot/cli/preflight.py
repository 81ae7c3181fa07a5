"""``edgeboot preflight``: can these hosts become the cluster?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from edgeboot.cli.connect import connected
from edgeboot.cli.options import accept_new_option, bundle_option, inventory_option, output_option
from edgeboot.cli.supplies import open_supplies
from edgeboot.cli.terms import terms_options
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install import preflight as examine_hosts
from edgeboot.lifecycle.preflight import CHECKS, Preflight
from edgeboot.lifecycle.terms import Terms
from edgeboot.report.preflight import finding_lines, preflight_json, preflight_tables


@click.command()
@inventory_option
@bundle_option
@accept_new_option
@terms_options
@output_option("text", "json")
def preflight(
    inventory_path: Path,
    bundle_path: Path | None,
    accept_new: bool,
    no_reboot: bool,
    allowed: tuple[str, ...],
    output: str,
) -> int:
    """Examine the hosts: what speaks against an install, what would be mended, what to know.

    Changes nothing. Ends with exit code 5 where a host would be refused, 6 where something could
    not be checked (without a bundle, for one), else 0. `plan` and `install` do the same first.

    \b
    edgeboot preflight -i inventory.yml
    edgeboot preflight -i inventory.yml --bundle edge.tar --allow preflight.memory --output json
    """
    cluster = load(inventory_path)
    terms = Terms(reboot=not no_reboot, allowed=frozenset(allowed))
    with ExitStack() as stack:
        named = bundle_path or cluster.bundle
        supplies = stack.enter_context(open_supplies(cluster, named)) if named else None
        transports = stack.enter_context(connected(cluster, accept_new=accept_new))
        found = examine_hosts(cluster, supplies, transports, terms)
    _render(found, output)
    return found.exit_code


def _render(found: Preflight, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(preflight_json(found.findings, found.exit_code), indent=2))
        return
    console = Console(highlight=False)
    for table in preflight_tables(found.findings, [(c.id, c.title) for c in CHECKS]):
        console.print(table)
        console.print()
    for line in finding_lines(found.findings):
        console.print(line, markup=False, soft_wrap=True)
    if not any(found.findings.values()):
        console.print("Nothing speaks against an install.")
