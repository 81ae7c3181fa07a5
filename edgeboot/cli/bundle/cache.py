"""``edgeboot bundle cache ls|prune|verify``."""

from __future__ import annotations

import json
import time

import click

from edgeboot.bundle.store import pruning
from edgeboot.bundle.store.blobs import Store, default_root
from edgeboot.cli.formats import output_option
from edgeboot.cli.groups import Group
from edgeboot.plan.steps import human_size


@click.group(cls=Group)
def cache() -> None:
    """Manage the blobs that builds keep in the cache."""


@cache.command("ls")
@output_option("text", "json")
def list_command(output: str) -> None:
    """List the cache, least recently used first.

    \b
    edgeboot bundle cache ls
    """
    store = Store(default_root())
    found = pruning.entries(store)
    if output == "json":
        rows = [
            {"name": e.path.name, "size": e.size, "used": int(e.used), "leftover": e.leftover}
            for e in found
        ]
        click.echo(json.dumps({"root": str(store.root), "entries": rows}, indent=2))
        return
    for entry in found:
        day = time.strftime("%Y-%m-%d", time.gmtime(entry.used))
        kind = "  of an interrupted build" if entry.leftover else ""
        click.echo(f"{day} {human_size(entry.size):>10}  {entry.path.name}{kind}")
    click.echo(f"{len(found)} files, {human_size(sum(e.size for e in found))} in {store.root}")


@cache.command()
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Keep what a build used within this many days; 0 keeps nothing.",
)
def prune(days: int) -> None:
    """Remove what no build has used lately, and leftovers of interrupted builds.

    \b
    edgeboot bundle cache prune --days 7
    """
    gone = pruning.prune(Store(default_root()), float(days))
    click.echo(f"removed {len(gone)} files, {human_size(sum(entry.size for entry in gone))}")


@cache.command("verify")
def verify_command() -> int:
    """Hash every blob of the cache; remove and list the damaged ones (exit code 1).

    \b
    edgeboot bundle cache verify
    """
    store = Store(default_root())
    bad = pruning.damaged(store)
    for entry in bad:
        pruning.remove(entry)
        click.echo(f"removed damaged {entry.path}")
    click.echo(f"{len(pruning.entries(store))} files left; the next build downloads missing blobs.")
    return 1 if bad else 0
