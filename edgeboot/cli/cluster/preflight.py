"""``edgeboot preflight``: can these hosts become the cluster?"""

from __future__ import annotations

import json
from contextlib import ExitStack

import click
from rich.console import Console

from edgeboot.checks.catalogue import CHECKS
from edgeboot.cli.cluster.options import host_change_options
from edgeboot.cli.formats import output_option
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.run.hosts import tell_lost
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.cli.run.site import Site, connected_hosts, site_options
from edgeboot.errors import Refused, combined_exit_code
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install.run import preflight as examine_hosts
from edgeboot.lifecycle.preflight import Preflight
from edgeboot.plan.options import InstallOptions
from edgeboot.report.preflight import finding_lines, preflight_json, preflight_tables


@click.command()
@site_options
@host_change_options
@output_option("text", "json")
def preflight(
    site: Site,
    options: InstallOptions,
    output: str,
) -> int:
    """Check whether the hosts can run K3s: what install would refuse, fix, or warn about.

    Changes nothing. Exits 5 if a host would be refused, 6 if something could not be checked (for
    example without a bundle), else 0. `plan` and `install` run the same checks first.

    \b
    edgeboot preflight -i inventory.yml
    edgeboot preflight -i inventory.yml --bundle edge.tar --allow preflight.memory --output json
    """
    cluster = load(site.inventory)
    with ExitStack() as stack:
        named = site.bundle or cluster.bundle
        bundle = stack.enter_context(open_bundle(cluster, named, site.trust)) if named else None
        hosts = stack.enter_context(connected_hosts(site, cluster))
        found = examine_hosts(hosts.cluster, bundle, hosts.transports, options, hosts.policy)
    _render(found, output)
    if output == "text":
        tell_next(_next(found, with_bundle=named is not None))
    return combined_exit_code((found.exit_code, tell_lost(hosts.lost)))


def _next(found: Preflight, *, with_bundle: bool) -> str:
    """Again once what is refused was fixed; a plan needs a bundle."""
    if found.exit_code == Refused.exit_code:
        return "preflight"
    return "plan" if with_bundle else "bundle init"


def _render(found: Preflight, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(preflight_json(found.findings, found.exit_code), indent=2))
        return
    console = Console(highlight=False)
    for table in preflight_tables(found.findings, [(c.id, c.title) for c in CHECKS]):
        console.print(table)
        console.print()
    for line in finding_lines(found.findings):
        console.print(completed(line), markup=False, soft_wrap=True)
    if not any(found.findings.values()):
        console.print("All checks passed.")
