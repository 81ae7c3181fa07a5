"""``edgeboot bundle split|join|diff|delta|apply-delta``."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import click

from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.travel import delta, difference
from edgeboot.bundle.travel import split as parts
from edgeboot.bundle.trust.signing import signature_path
from edgeboot.cli.bundle.written import tell_written
from edgeboot.cli.formats import out_options, output_option
from edgeboot.cli.terminal.progress import listener
from edgeboot.errors import BadInput, StepFailed
from edgeboot.inventory.budget.quantities import parse_bytes
from edgeboot.plan.steps import human_size

_PATH = click.Path(path_type=Path)
_DIRECTORY = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("path", metavar="BUNDLE", type=_PATH)
@click.option("--size", default="3.9G", show_default=True, help="Size of a part; FAT allows 4 GiB.")
@click.option("-d", "--directory", type=_DIRECTORY, help="Where to write them.  [default: .]")
def split(path: Path, size: str, directory: Path | None) -> None:
    """Split a bundle into parts for small media: BUNDLE.001, … and BUNDLE.parts.

    Rerun after an interruption, it keeps the parts that are complete.

    \b
    edgeboot bundle split --size 3.9G edge.tar
    """
    try:
        limit = parse_bytes(size)
    except ValueError as error:
        raise BadInput(f"{size!r} is not a valid size", hint=str(error)) from None
    with listener("text") as tell:
        index, found = parts.split(path, limit, directory or Path(), tell)
    last = found.parts[-1].name
    click.echo(f"{len(found.parts)} parts, {found.parts[0].name} to {last}, and {index.name}.")
    click.echo(f"Next: copy all of them{_and_signature(path)} to the site and run there:")
    click.echo(f"edgeboot bundle join {index.name}")


@click.command()
@click.argument("index", metavar="BUNDLE.parts", type=_PATH)
@click.option("--from", "places", multiple=True, type=_DIRECTORY, help="Also look for parts here.")
@out_options("text", "json", out_help="The bundle to write.  [default: its old name]")
def join(index: Path, places: tuple[Path, ...], out: Path | None, output: str | None) -> None:
    """Join the parts of a bundle, in any order and over several runs.

    Every part is verified. If parts are missing, they are listed (exit code 4): rerun with them.

    \b
    edgeboot bundle join edge.tar.parts
    edgeboot bundle join edge.tar.parts --from /media
    """
    target = out or Path(parts.read_index(index).name)
    with listener("text") as tell:
        missing = parts.join(index, places, target, tell)
    if missing:
        raise StepFailed(
            f"missing parts: {', '.join(missing)}",
            hint="copy them here or pass their directory with --from, and rerun; "
            "joined parts are kept",
        )
    if output == "json":
        tell_written(target)
        return
    click.echo(f"{target} is intact.")


@click.command()
@click.argument("old", metavar="OLD", type=_PATH)
@click.argument("new", metavar="NEW", type=_PATH)
@output_option("text", "json")
def diff(old: Path, new: Path, output: str) -> None:
    """Show what differs between two bundles: K3s, images, charts, files, bytes.

    \b
    edgeboot bundle diff edge-1.tar edge-2.tar
    """
    with Bundle.open(old) as before, Bundle.open(new) as after:
        found = difference.between(before.contents, after.contents)
    if output == "json":
        click.echo(json.dumps(asdict(found), indent=2))
        return
    if found.old_k3s != found.new_k3s:
        click.echo(f"K3s {found.old_k3s} -> {found.new_k3s}")
    for change in found.changes:
        sign = "+" if change.old is None else "-" if change.new is None else "~"
        states = " -> ".join(filter(None, (change.old, change.new)))
        click.echo(f"{sign} {change.kind:<10} {change.name}  {states}")
    if not found.changes:
        click.echo("No differences.")
    click.echo(f"bytes: {human_size(found.added)} added, {human_size(found.removed)} removed")


@click.command("delta")
@click.argument("old", metavar="OLD", type=_PATH)
@click.argument("new", metavar="NEW", type=_PATH)
@out_options("text", "json", out_help="The delta to write.", required=True)
def delta_command(old: Path, new: Path, out: Path, output: str | None) -> None:
    """Write what a new bundle adds to an old one that is already at the site.

    \b
    edgeboot bundle delta edge-1.tar edge-2.tar --out edge.delta
    """
    with Bundle.open(old) as before, Bundle.open(new) as after, listener("text") as tell:
        delta.make(before, after, out, tell)
    if output == "json":
        tell_written(out)
        return
    size, whole = out.stat().st_size, new.stat().st_size
    click.echo(f"{out}: {human_size(size)} instead of {human_size(whole)}.")
    click.echo(f"Next: copy it{_and_signature(new)} to where {old.name} is and run there:")
    names = shlex.join((old.name, out.name, "--out", new.name))
    click.echo(f"edgeboot bundle apply-delta {names}")


@click.command("apply-delta")
@click.argument("old", metavar="OLD", type=_PATH)
@click.argument("path", metavar="DELTA", type=_PATH)
@out_options("text", "json", out_help="The new bundle to write.", required=True)
def apply_delta(old: Path, path: Path, out: Path, output: str | None) -> None:
    """Build the new bundle from the old one and a delta, byte for byte.

    Any bundle but the one that the delta was made from is refused (exit code 5).

    \b
    edgeboot bundle apply-delta edge-1.tar edge.delta --out edge-2.tar
    """
    with Bundle.open(old) as before, delta.opened(path) as found, listener("text") as tell:
        delta.apply(before, found, out, tell)
    if output == "json":
        tell_written(out)
        return
    click.echo(f"{out}: {human_size(out.stat().st_size)}.")


def _and_signature(bundle: Path) -> str:
    signature = signature_path(bundle)
    return f", and {signature.name}" if signature.exists() else ""
