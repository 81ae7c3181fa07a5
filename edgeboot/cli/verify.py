"""``edgeboot verify``: is it what was asked for, does it work, and does it fit?"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import click

from edgeboot.bundle.signing import Trust
from edgeboot.cli.connect import connected
from edgeboot.cli.expectations import cluster_expectation, expectations
from edgeboot.cli.options import (
    accept_new_option,
    ask_options,
    bundle_option,
    inventory_option,
    output_option,
)
from edgeboot.cli.prompts import Asking
from edgeboot.cli.supplies import open_supplies
from edgeboot.cli.trust import trust_options
from edgeboot.cli.verify_options import Wanted, wanted_options
from edgeboot.cli.verify_output import checked_reports, render, save, show_catalogue
from edgeboot.cli.verify_record import record
from edgeboot.cli.watch import watch_use
from edgeboot.inventory.budget_file import named_budget
from edgeboot.inventory.load import load
from edgeboot.report.verification_json import check_json
from edgeboot.verify.results import CheckResult
from edgeboot.verify.suite import Fleet, own_tests
from edgeboot.verify.suite import verify as run_checks


@click.command()
@inventory_option
@bundle_option
@trust_options
@accept_new_option
@ask_options
@wanted_options
@output_option("text", "json", "jsonl", "junit", "html", "prometheus")
def verify(
    inventory_path: Path,
    bundle_path: Path | None,
    trust: Trust,
    accept_new: bool,
    asking: Asking,
    wanted: Wanted,
    output: str,
) -> int:
    """Check that every node is what was asked for, works, and stays inside its budgets.

    Ends with exit code 1 where a check or budget is missed, 6 where one could not be measured.

    \b
    edgeboot verify -i inventory.yml
    edgeboot verify -i inventory.yml --window 60s --report fleet.html --report fleet.json
    edgeboot verify -i inventory.yml --only fit --budget k3s-classic
    edgeboot verify -i inventory.yml --record site-budget.yml --margin 25
    edgeboot verify -i inventory.yml --tests site-tests -k "dns or budget"
    edgeboot verify --list
    """
    scope = wanted.scope
    own_tests(scope.tests)
    if wanted.list_only:
        show_catalogue(scope)
        return 0
    checked_reports(wanted.reports)
    limits = named_budget(wanted.budget) if wanted.budget else None
    cluster = load(inventory_path)
    with (
        open_supplies(cluster, bundle_path, trust) as supplies,
        connected(cluster, accept_new=accept_new, asking=asking) as transports,
    ):
        expected = expectations(cluster, supplies, transports, limits)
        fleet = Fleet(cluster_expectation(cluster, supplies), expected, transports)
        if wanted.watch:
            watch_use(fleet, wanted.window)
        found = run_checks(
            fleet, scope, window=wanted.window, when=_now(), tell=_teller(output), say=_say
        )
    render(found, output)
    save(found, wanted.reports)
    if wanted.record is not None:
        record(fleet, found, wanted.record, wanted.margin)
    return found.exit_code


def _say(line: str) -> None:
    click.echo(line, err=True)


def _teller(output: str) -> Callable[[CheckResult], None]:
    """Checks as they end, for whoever reads them as a stream."""
    if output == "jsonl":
        return lambda result: click.echo(json.dumps({"event": "Check", **check_json(result)}))
    return lambda _result: None


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
