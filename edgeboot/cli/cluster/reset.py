"""``edgeboot reset``: remove K3s and its data from hosts."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeboot.cli.cluster.plan import CHANGES_FOUND
from edgeboot.cli.formats import output_option
from edgeboot.cli.options import accept_new_option, ask_options, inventory_option
from edgeboot.cli.run.connect import connected
from edgeboot.cli.run.following import tell_next
from edgeboot.cli.run.hosts import retry_option
from edgeboot.cli.terminal.progress import listener
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.cli.terminal.questions import confirmed, require_terminal, typed
from edgeboot.engine.host_sessions import RunPolicy
from edgeboot.errors import BadInput, Refused
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.reset import chosen, involved, make_plan
from edgeboot.lifecycle.reset import reset as run_reset
from edgeboot.localio import runs
from edgeboot.plan.reset.plan import ResetPlan
from edgeboot.report.names import names
from edgeboot.report.reset import NOTHING_TO_RESET, reset_plan_json, reset_plan_lines
from edgeboot.transport.ssh.cancellation import Cancellation

_ATTEMPTS = 3


@click.command()
@inventory_option
@click.option("--limit", metavar="NODE,…", help="Only these nodes, by name.")
@click.option(
    "--plan", "--dry-run", "only_plan", is_flag=True, help="Show what would be removed, and exit."
)
@click.option(
    "--foreign",
    is_flag=True,
    help="Also remove a K3s that edgeboot did not install, or that is another node.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation; needs --confirm.")
@click.option("--confirm", metavar="CLUSTER", help="The cluster's name, instead of typing it.")
@retry_option
@accept_new_option
@ask_options
@output_option("text", "jsonl")
def reset(
    inventory_path: Path,
    limit: str | None,
    only_plan: bool,
    foreign: bool,
    yes: bool,
    confirm: str | None,
    retry_for: int,
    accept_new: bool,
    asking: Asking,
    output: str,
) -> int:
    """Remove K3s and all its data from hosts: services, pods, mounts, links, rules, files.

    Lists the data that will be lost and asks twice. After an interruption, run it again. With
    --plan, exits 10 if there is anything to remove.

    \b
    edgeboot reset -i inventory.yml --plan
    edgeboot reset -i inventory.yml
    edgeboot reset -i inventory.yml --limit agent-1 --yes --confirm edge
    """
    cluster = load(inventory_path)
    _check_answers(cluster, yes or only_plan, confirm, needed=yes and not only_plan, output=output)
    nodes = chosen(cluster, [name for name in (limit or "").split(",") if name])
    reached = Cluster(cluster.name, involved(cluster, nodes))

    planned: list[ResetPlan] = []

    def agreed(reset_plan: ResetPlan) -> bool:
        planned.append(reset_plan)
        _show(reset_plan, output)
        return yes or _asked_twice(cluster)

    cancellation = Cancellation()
    policy = RunPolicy(patience=float(retry_for), runs=runs.recorded(), sleep=cancellation.pause)
    with connected(
        reached, accept_new=accept_new, asking=asking, cancellation=cancellation
    ) as transports:
        if only_plan:
            reset_plan = make_plan(cluster, nodes, transports, foreign=foreign)
            _show(reset_plan, output)
            if output == "text" and not reset_plan.plan.empty:
                tell_next("reset")
            return 0 if reset_plan.plan.empty else CHANGES_FOUND
        with listener(output) as tell:
            agreed_to = run_reset(
                cluster,
                nodes,
                transports,
                foreign=foreign,
                confirm=agreed,
                tell=tell,
                policy=policy,
            )
    if not agreed_to:
        raise Refused("the reset was declined; nothing was changed", error_id="declined")
    done = [node.name for node in nodes]
    if output == "jsonl":
        click.echo(json.dumps({"event": "Done", "nodes": done}))
    elif not planned:
        click.echo(NOTHING_TO_RESET)
    else:
        _finish(cluster, done)
    return 0


def _finish(cluster: Cluster, done: list[str]) -> None:
    click.echo(f"Done: K3s was removed from {names(done)}.")
    if len(done) == len(cluster.nodes):
        tell_next("install")
        return
    them = "it" if len(done) == 1 else "them"
    click.echo(f"An install adds {them} again unless you remove {them} from the inventory.")
    tell_next("plan", whole=True)


def _check_answers(
    cluster: Cluster, silent: bool, confirm: str | None, *, needed: bool, output: str
) -> None:
    if confirm is not None and confirm != cluster.name:
        raise BadInput(
            f"--confirm is {confirm!r}, but the cluster in the inventory is {cluster.name!r}",
            hint="check that this is the right inventory",
        )
    if needed and confirm is None:
        raise BadInput(
            "--yes needs --confirm to reset a cluster",
            hint=f"review `edgeboot reset --plan`, then add --confirm {cluster.name}",
        )
    if not silent and output == "jsonl":
        raise BadInput("--output jsonl cannot ask for confirmation", hint="add --yes and --confirm")


def _show(reset_plan: ResetPlan, output: str) -> None:
    if output == "jsonl":
        click.echo(json.dumps({"event": "Plan", **reset_plan_json(reset_plan)}))
        return
    for line in reset_plan_lines(reset_plan):
        click.echo(line)


def _asked_twice(cluster: Cluster) -> bool:
    require_terminal("for confirmation", f"add --yes --confirm {cluster.name}")
    if not confirmed("Remove all of this? The data cannot be recovered"):
        return False
    for _ in range(_ATTEMPTS):
        name = typed(f"Type the cluster's name to confirm ({cluster.name})")
        if name is None or name == cluster.name:
            return name is not None
        click.echo(f"{name!r} is not the cluster's name", err=True)
    return False
