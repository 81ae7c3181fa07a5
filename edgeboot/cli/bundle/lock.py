"""``edgeboot bundle lock|update|schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build.releases.section import source_of
from edgeboot.bundle.build.resolve import resolve
from edgeboot.bundle.build.schema import json_schema
from edgeboot.bundle.build.spec import load
from edgeboot.cli.terminal.progress import listener

_PATH = click.Path(path_type=Path)
_CHANGES = 10

_spec = click.option(
    "-f", "--file", "spec", type=_PATH, required=True, help="The bundle.yml to lock."
)
_release = click.option(
    "--k3s-release",
    "release",
    metavar="DIR_OR_URL",
    help="Use this K3s release instead of the one in the file.",
)

_helm = click.option(
    "--helm", metavar="PROGRAM", help="Render charts with this helm, as the build will."
)


@click.command()
@_spec
@_release
@_helm
def lock(spec: Path, release: str | None, helm: str | None) -> None:
    """Pin the current versions and digests of a bundle.yml in a lock next to it.

    Channels become versions, tags become digests. Existing pins are kept; use `update` to
    change them.

    \b
    edgeboot bundle lock -f bundles/edge.yml
    """
    path = locks.path_beside(spec)
    old = locks.read(path) if path.exists() else locks.Lock({})
    new = _resolved(spec, release, old, helm)
    _tell(old, new)
    locks.write(path, new)
    click.echo(f"{path}: {len(new.pins)} pins, sha256 {new.digest}")
    click.echo(f"Next: `edgeboot bundle build -f {spec} --locked`")


@click.command()
@_spec
@_release
@_helm
@click.option("--dry-run", is_flag=True, help="Only show; exit code 10 if anything changed.")
@click.pass_context
def update(
    context: click.Context, spec: Path, release: str | None, helm: str | None, dry_run: bool
) -> None:
    """Resolve a bundle.yml again, show what changed, and write the lock.

    \b
    edgeboot bundle update -f bundles/edge.yml
    edgeboot bundle update -f bundles/edge.yml --dry-run
    """
    path = locks.path_beside(spec)
    old = locks.read(path)
    new = _resolved(spec, release, None, helm)
    if not _tell(old, new):
        click.echo("Nothing changed.")
    elif dry_run:
        context.exit(_CHANGES)
    if not dry_run:
        locks.write(path, new)


@click.command()
def schema() -> None:
    """Print the JSON Schema of bundle.yml, for editors.

    \b
    edgeboot bundle schema > bundle.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))


def _resolved(
    spec: Path, release: str | None, old: locks.Lock | None, helm: str | None
) -> locks.Lock:
    source = None if release is None else source_of(release, Path())
    with listener("text") as tell:
        return resolve(load(spec), old, release=source, helm=helm, listener=tell)


def _tell(old: locks.Lock, new: locks.Lock) -> bool:
    lines = list(locks.moved(old, new))
    for line in lines:
        click.echo(line)
    return bool(lines)
