"""``edgeboot verify``: configuration, health and budgets."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from edgeboot.cli.formats import output_option
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.cli.run.log import logged
from edgeboot.cli.run.site import Site, connected_hosts, site_options
from edgeboot.cli.verify.options import Wanted, wanted_options
from edgeboot.cli.verify.output import checked_reports, render, save, show_catalogue
from edgeboot.cli.verify.record import record
from edgeboot.cli.verify.stages import stage
from edgeboot.cli.verify.watch import watch_use
from edgeboot.errors import Interrupted, combined_exit_code
from edgeboot.inventory.budget.file import named_budget
from edgeboot.inventory.load import load
from edgeboot.lifecycle.expectations import cluster_expectation, expectations
from edgeboot.report.verification.document import check_json
from edgeboot.report.verification.text import problem_line
from edgeboot.secret import redacted
from edgeboot.verify.results import CheckResult, Verification
from edgeboot.verify.suite import Fleet, check_selection, collect_tests
from edgeboot.verify.suite import verify as run_checks


@click.command()
@site_options
@wanted_options
@output_option("text", "json", "jsonl", "junit", "html", "prometheus")
def verify(
    site: Site,
    wanted: Wanted,
    output: str,
) -> int:
    """Check that nodes match the inventory, work, and stay within their budgets.

    Changes nothing. Exits 1 if a check fails, 6 if one could not be measured.

    \b
    edgeboot verify -i inventory.yml
    edgeboot verify -i inventory.yml --window 60s --report fleet.html --report fleet.json
    edgeboot verify -i inventory.yml --only budget --budget k3s-classic
    edgeboot verify -i inventory.yml --record site-budget.yml --margin 25
    edgeboot verify -i inventory.yml --tests site-tests -k "dns or budget"
    edgeboot verify -i inventory.yml --limit agent-3
    edgeboot verify --list
    """
    check_selection(wanted.scope)
    if wanted.list_only:
        show_catalogue(wanted.scope)
        return 0
    checked_reports(wanted.reports)
    limits = named_budget(wanted.budget) if wanted.budget else None
    cluster = load(site.inventory)
    collect_tests(wanted.scope, [node.name for node in cluster.nodes])
    with (
        logged(cluster, "verify") as log,
        open_bundle(cluster, site.bundle, site.trust) as bundle,
        _until_interrupted(wanted.watch) as watching,
        connected_hosts(_sparing(site), cluster) as hosts,
    ):
        expected = expectations(
            hosts.cluster, bundle, hosts.transports, limits, wanted.budget or ""
        )
        whole = cluster_expectation(hosts.cluster, bundle)
        aside, lost = hosts.policy.read_only, hosts.lost
        fleet = Fleet(whole, expected, hosts.transports, aside=aside, lost=lost)
        if wanted.watch:
            watching.set()
            watch_use(fleet, wanted.window)
        found = run_checks(
            fleet,
            wanted.scope,
            window=wanted.window,
            when=_now(),
            tell=_teller(output),
            stage=stage,
        )
        found = replace(_without_secrets(found), bundle=bundle.file, signer=bundle.signer)
        log.write("\n".join(problem_line(result) for result in found.results))
    if watching.is_set():
        return 0
    render(found, output)
    save(found, wanted.reports)
    if wanted.record is not None:
        record(fleet, found, wanted.record, wanted.margin)
    return combined_exit_code((found.exit_code, *(e.exit_code for e in hosts.lost.values())))


@contextmanager
def _until_interrupted(watch: bool) -> Iterator[threading.Event]:
    """Ctrl-C is how watching ends, once it has begun; before, it interrupts the command."""
    watching = threading.Event()
    try:
        yield watching
    except Interrupted:
        if not (watch and watching.is_set()):
            raise


def _sparing(site: Site) -> Site:
    """A host that does not answer is a finding: the others are checked all the same."""
    return replace(site, scope=replace(site.scope, skip_unreachable=True))


def _without_secrets(found: Verification) -> Verification:
    """Reports are passed around, and journals may contain secrets."""
    results = (replace(r, detail=redacted(r.detail)) for r in found.results)
    return replace(found, results=tuple(results))


def _teller(output: str) -> Callable[[CheckResult], None]:
    """Prints checks as they end, for JSON lines."""
    if output == "jsonl":
        return lambda result: click.echo(json.dumps({"event": "Check", **check_json(result)}))
    return lambda _result: None


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
