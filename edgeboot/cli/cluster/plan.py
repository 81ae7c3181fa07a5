"""``edgeboot plan``: what an install would change."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeboot.bundle.trust.signing import Trust
from edgeboot.cli.bundle.trust import trust_options
from edgeboot.cli.cluster.options import diff_option, install_options
from edgeboot.cli.formats import output_option
from edgeboot.cli.options import accept_new_option, ask_options, bundle_option, inventory_option
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.run.hosts import HostSelection, host_options, reached, tell_lost
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.cli.run.log import logged
from edgeboot.cli.run.told import known_warnings
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.plan.options import InstallOptions
from edgeboot.report.plan import plan_json, plan_lines

CHANGES_FOUND = 10


@click.command()
@inventory_option
@bundle_option
@trust_options
@accept_new_option
@ask_options
@install_options
@host_options
@diff_option
@output_option("text", "json")
def plan(
    inventory_path: Path,
    bundle_path: Path | None,
    trust: Trust,
    accept_new: bool,
    asking: Asking,
    options: InstallOptions,
    scope: HostSelection,
    whole: bool,
    output: str,
) -> int:
    """Show what `install` would change. Reads every host once and changes nothing.

    Hosts with equal steps are shown together, with what changes in existing files; --diff shows
    everything. A warning that an earlier run has shown is only counted.

    Exits 10 if anything would change, 0 if not.

    \b
    edgeboot plan -i inventory.yml
    edgeboot plan -i inventory.yml --diff
    edgeboot plan -i inventory.yml --output json
    edgeboot plan -i inventory.yml --limit agent-3
    """
    cluster = load(inventory_path)
    with (
        logged(cluster, "plan") as log,
        open_bundle(cluster, bundle_path, trust) as bundle,
        reached(cluster, scope, accept_new=accept_new, asking=asking) as hosts,
    ):
        found = make_plan(hosts.cluster, bundle, hosts.transports, options, hosts.policy)
        log.write("\n".join(plan_lines(found, whole=True)))
        if output == "json":
            click.echo(json.dumps(plan_json(found), indent=2))
        else:
            for line in plan_lines(found, whole=whole, known=known_warnings(cluster, found)):
                click.echo(completed(line))
            if not found.empty:
                tell_next("install")
    if hosts.lost:
        return tell_lost(hosts.lost)
    return 0 if found.empty else CHANGES_FOUND
