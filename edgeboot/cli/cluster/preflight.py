"""``edgeboot preflight``: can these hosts become the cluster?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from edgeboot.bundle.trust.signing import Trust
from edgeboot.checks.catalogue import CHECKS
from edgeboot.cli.bundle.trust import trust_options
from edgeboot.cli.cluster.options import host_change_options
from edgeboot.cli.formats import output_option
from edgeboot.cli.options import accept_new_option, ask_options, bundle_option, inventory_option
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.run.hosts import HostSelection, host_options, reached, tell_lost
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.errors import Refused, combined_exit_code
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install.run import preflight as examine_hosts
from edgeboot.lifecycle.preflight import Preflight
from edgeboot.plan.options import InstallOptions
from edgeboot.report.preflight import finding_lines, preflight_json, preflight_tables


@click.command()
@inventory_option
@bundle_option
@trust_options
@accept_new_option
@ask_options
@host_options
@host_change_options
@output_option("text", "json")
def preflight(
    inventory_path: Path,
    bundle_path: Path | None,
    trust: Trust,
    accept_new: bool,
    asking: Asking,
    scope: HostSelection,
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
    cluster = load(inventory_path)
    with ExitStack() as stack:
        named = bundle_path or cluster.bundle
        bundle = stack.enter_context(open_bundle(cluster, named, trust)) if named else None
        hosts = stack.enter_context(reached(cluster, scope, accept_new=accept_new, asking=asking))
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
