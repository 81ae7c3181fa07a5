"""``edgeboot bundle init``: a bundle.yml to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgeboot.bundle.build import draft


@click.command()
@click.option("--name", default="edge", show_default=True, help="Name of the bundle.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("bundle.yml"),
    show_default=True,
    help="The file to write; an existing one is never changed.",
)
def init(name: str, output: Path) -> None:
    """Write a commented bundle.yml to start from.

    As written it bundles the stable K3s for every architecture; remove what you do not need.

    \b
    edgeboot bundle init
    edgeboot bundle init --name site -o bundles/site.yml
    """
    draft.write(output, name)
    click.echo(f"Wrote {output}. Edit it, then build the bundle:")
    click.echo(f"edgeboot bundle build -f {shlex.quote(str(output))}")
