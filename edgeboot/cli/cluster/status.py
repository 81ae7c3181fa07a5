"""``edgeboot status``: the state of every node."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from edgeboot.cli.formats import output_option
from edgeboot.cli.options import accept_new_option, ask_options, inventory_option
from edgeboot.cli.run.connect import attempted
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.inventory.load import load
from edgeboot.lifecycle.status import report
from edgeboot.report.status import status_json, status_lines


@click.command()
@inventory_option
@accept_new_option
@ask_options
@output_option("text", "json")
def status(inventory_path: Path, accept_new: bool, asking: Asking, output: str) -> int:
    """Show whether every node is reachable, running, and Ready; if not, why and what to do.

    Changes nothing. Exits 1 if something is wrong, 3 if a host is unreachable,
    5 if its host key is unknown or has changed.

    \b
    edgeboot status -i inventory.yml
    edgeboot status -i inventory.yml --output json
    """
    cluster = load(inventory_path)
    with attempted(cluster, accept_new=accept_new, asking=asking) as (transports, errors):
        found = report(cluster, transports, errors, now=int(time.time()))
    if output == "json":
        click.echo(json.dumps(status_json(found), indent=2))
    else:
        for line in status_lines(found):
            click.echo(completed(line))
        if not found.exit_code:
            tell_next("verify")
    return found.exit_code
