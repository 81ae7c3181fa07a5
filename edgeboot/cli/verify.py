"""``edgeboot verify``: is it what was asked for, and does it fit?"""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from edgeboot.bundle.signing import Trust
from edgeboot.cli.expectations import expectations
from edgeboot.cli.logfile import logged
from edgeboot.cli.options import (
    accept_new_option,
    ask_options,
    bundle_option,
    inventory_option,
    output_option,
)
from edgeboot.cli.prompts import Asking
from edgeboot.cli.scope import Scope, reached, scope_options, tell_lost
from edgeboot.cli.supplies import open_supplies
from edgeboot.cli.trust import trust_options
from edgeboot.errors import combined_exit_code
from edgeboot.inventory.load import load
from edgeboot.report.verification import (
    budget_table,
    check_table,
    problems,
    verification_json,
)
from edgeboot.verify.results import Verification
from edgeboot.verify.subject import Expectation
from edgeboot.verify.suite import verify as run_checks


@click.command()
@inventory_option
@bundle_option
@trust_options
@accept_new_option
@ask_options
@scope_options
@click.option(
    "--window",
    type=click.IntRange(min=2, max=3600),
    default=15,
    show_default=True,
    help="Seconds over which memory and CPU are sampled.",
)
@output_option("text", "json")
def verify(
    inventory_path: Path,
    bundle_path: Path | None,
    trust: Trust,
    accept_new: bool,
    asking: Asking,
    scope: Scope,
    window: int,
    output: str,
) -> int:
    """Check that every node is what was asked for and stays inside its budgets.

    Ends with exit code 1 where a check or budget is missed, 6 where one could not be measured.

    \b
    edgeboot verify -i inventory.yml
    edgeboot verify -i inventory.yml --window 60 --output json
    edgeboot verify -i inventory.yml --limit agent-3
    """
    cluster = load(inventory_path)
    with (
        logged(cluster, "verify") as log,
        open_supplies(cluster, bundle_path, trust) as supplies,
        reached(cluster, scope, accept_new=accept_new, asking=asking) as hosts,
    ):
        expected = expectations(hosts.cluster, supplies, hosts.transports)
        aside = hosts.pace.bystanders
        found = run_checks(
            expected, hosts.transports, window=window, tell=lambda _result: None, aside=aside
        )
        log.write(
            "\n".join(
                f"{r.node}: {r.check} {r.subject}: {r.outcome} {r.message}" for r in found.results
            )
        )
    _render(found, tuple(e for e in expected if e.node not in aside), output)
    return combined_exit_code((found.exit_code, tell_lost(hosts.lost)))


def _render(found: Verification, expected: tuple[Expectation, ...], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(verification_json(found, expected), indent=2))
        return
    console = Console(highlight=False)
    console.print(check_table(found))
    console.print(budget_table(found, expected))
    for line in problems(found):
        console.print(line, markup=False, soft_wrap=True)
    passed = sum(result.outcome == "passed" for result in found.results)
    console.print(f"{passed} of {len(found.results)} checks passed")
