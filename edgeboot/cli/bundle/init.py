"""``edgeboot bundle init``: a bundle.yml to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgeboot.bundle.build import draft
from edgeboot.cli.formats import out_options

_DEFAULT = Path("bundle.yml")


@click.command()
@click.option("--name", default="edge", show_default=True, help="Name of the bundle.")
@out_options(
    "yaml",
    out_help="The file to write.  [default: bundle.yml]",
    output_help="Print it instead of writing a file.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init(name: str, out: Path | None, output: str | None, force: bool) -> None:
    """Write a commented bundle.yml to start from.

    As written it bundles the stable K3s for every architecture; remove what you do not need.

    \b
    edgeboot bundle init
    edgeboot bundle init --name site --out bundles/site.yml
    """
    path = out or _DEFAULT
    if output is not None and out is None:
        click.echo(draft.text_of(path, name), nl=False)
        return
    draft.write(path, name, force=force)
    click.echo(f"wrote {path}: edit it, then build the bundle")
    click.echo(f"  next: edgeboot bundle build -f {shlex.quote(str(path))}")
