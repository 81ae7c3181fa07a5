"""``edgeboot install``: from bare hosts to a running cluster, and every later change."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from edgeboot.cli.cluster.options import diff_option, install_options
from edgeboot.cli.cluster.plan import planned, show_plan
from edgeboot.cli.formats import output_option
from edgeboot.cli.run.following import completed, tell_next
from edgeboot.cli.run.hosts import policy_options, tell_lost
from edgeboot.cli.run.site import Site, running, site_options
from edgeboot.cli.terminal.progress import listener
from edgeboot.cli.terminal.questions import confirmed, require_terminal
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.install.run import Installed
from edgeboot.lifecycle.install.run import install as run_install
from edgeboot.lifecycle.kubeconfig.fetch import (
    check_target,
    default_path,
    rewritten,
    save,
    url_from_outside,
)
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.plan import Plan
from edgeboot.report.plan import plan_lines, remark_lines


@click.command()
@policy_options
@site_options
@install_options
@diff_option
@click.option("--dry-run", "--plan", "dry_run", is_flag=True, help="Do what `plan` does, and exit.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=900,
    show_default=True,
    envvar="EDGEBOOT_TIMEOUT",
    show_envvar=True,
    help="Seconds to wait at each gate: the API, the agents, the whole cluster.",
)
@click.option(
    "--kubeconfig",
    "kubeconfig_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the kubeconfig.  [default: in edgeboot's state directory]",
)
@output_option("text", "jsonl")
def install(
    site: Site,
    options: InstallOptions,
    whole: bool,
    dry_run: bool,
    yes: bool,
    timeout: int,
    kubeconfig_path: Path | None,
    output: str,
) -> int:
    """Install or update the cluster: show the plan, ask, apply it, wait until all nodes are Ready.

    Running it again changes only what differs from the inventory. With --dry-run, exits 10 if
    anything would change.

    \b
    edgeboot install -i inventory.yml
    edgeboot install -i inventory.yml --bundle edge.tar --yes --output jsonl
    edgeboot install -i inventory.yml --limit agent-3,workers --skip-unreachable
    """
    if kubeconfig_path is not None:
        check_target(kubeconfig_path)
    cluster = load(site.inventory)
    if dry_run:
        return planned(cluster, site, options, output, whole=whole)

    if not yes and output == "jsonl":
        raise BadInput("--output jsonl cannot ask for confirmation", hint="add --yes")
    with running(site, cluster, "install") as run, listener(output) as tell:
        hosts = run.hosts

        def confirm(plan: Plan) -> bool:
            run.log.write("\n".join(plan_lines(plan, whole=True)))
            show_plan(cluster, plan, output, whole=whole)
            return yes or _asked()

        done = run_install(
            hosts.cluster,
            run.bundle,
            hosts.transports,
            confirm=confirm,
            tell=run.log.listening(tell),
            patience=float(timeout),
            options=options,
            policy=hosts.policy,
        )
        lost = {**hosts.lost, **done.lost}
        if not done.confirmed:
            raise Refused("the plan was declined; nothing was changed", error_id="declined")
    chosen = len(hosts.cluster.nodes) - len(done.lost) - len(hosts.policy.read_only)
    _finish(cluster, done, kubeconfig_path or default_path(cluster), output, chosen)
    return tell_lost(lost)


def _asked() -> bool:
    require_terminal("for confirmation", "add --yes")
    return confirmed("Apply these changes?")


def _unsaved(cluster: Cluster, done: Installed, path: Path) -> EdgebootError | None:
    """The error to end with if the kubeconfig cannot be written; the cluster runs anyway."""
    if done.kubeconfig is None:
        return None
    try:
        save(rewritten(done.kubeconfig, cluster), path)
    except EdgebootError as error:
        inventory = shlex.quote(cluster.where.rpartition(":")[0] or cluster.where)
        return StepFailed(
            f"the cluster is installed, but its kubeconfig was not saved: {error.what}",
            hint=f"fetch it to another path: edgeboot kubeconfig -i {inventory} --out FILE",
            error_id=error.error_id,
        )
    return None


def _finish(cluster: Cluster, done: Installed, path: Path, output: str, ready: int) -> None:
    unsaved = _unsaved(cluster, done, path)
    url = url_from_outside(cluster)
    if output == "jsonl":
        saved = None if unsaved else str(path)
        end = {"event": "Done", "changed": not done.plan.empty, "kubeconfig": saved, "url": url}
        click.echo(json.dumps(end))
        if unsaved:
            raise unsaved
        return
    if done.plan.empty:
        for line in remark_lines(done.plan):
            click.echo(completed(line))
        click.echo("No changes: every host matches the inventory, and every node is Ready.")
        if unsaved:
            raise unsaved
        return
    click.echo(f"Done: {ready} {'node is' if ready == 1 else 'nodes are'} Ready.")
    click.echo(f"  API         {url}")
    if unsaved:
        raise unsaved
    click.echo(f"  kubeconfig  {path}")
    click.echo(f"  nodes       kubectl --kubeconfig {shlex.quote(str(path))} get nodes")
    tell_next("verify")
