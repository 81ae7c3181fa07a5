"""``edgeboot plan``: what an install would change."""

from __future__ import annotations

import json

import click

from edgeboot.cli.cluster.options import diff_option, install_options
from edgeboot.cli.formats import output_option
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.run.hosts import tell_lost
from edgeboot.cli.run.site import Site, running, site_options
from edgeboot.cli.run.told import known_warnings
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.plan import Plan
from edgeboot.report.plan import plan_json, plan_lines

CHANGES_FOUND = 10


@click.command()
@site_options
@install_options
@diff_option
@output_option("text", "json")
def plan(
    site: Site,
    options: InstallOptions,
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
    return planned(load(site.inventory), site, options, output, whole=whole)


def planned(
    cluster: Cluster, site: Site, options: InstallOptions, output: str, *, whole: bool
) -> int:
    """Makes the plan and shows it; returns the exit code."""
    with running(site, cluster, "plan") as run:
        hosts = run.hosts
        found = make_plan(hosts.cluster, run.bundle, hosts.transports, options, hosts.policy)
        run.log.write("\n".join(plan_lines(found, whole=True)))
        show_plan(cluster, found, output, whole=whole)
        if output == "text" and not found.empty:
            tell_next("install")
    if hosts.lost:
        return tell_lost(hosts.lost)
    return 0 if found.empty else CHANGES_FOUND


def show_plan(cluster: Cluster, plan: Plan, output: str, *, whole: bool) -> None:
    """Prints a plan as text, as JSON, or as an event among JSON lines."""
    if output == "json":
        click.echo(json.dumps(plan_json(plan), indent=2))
    elif output == "jsonl":
        click.echo(json.dumps({"event": "Plan", **plan_json(plan)}))
    else:
        for line in plan_lines(plan, whole=whole, known=known_warnings(cluster, plan)):
            click.echo(completed(line))
