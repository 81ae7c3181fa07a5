"""``edgeboot bundle sbom``: the bill of materials."""

from __future__ import annotations

from pathlib import Path

import click

from edgeboot.bundle.build import sbom as materials
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Role


@click.command()
@click.argument("path", metavar="BUNDLE", type=click.Path(path_type=Path))
def sbom(path: Path) -> None:
    """Print a bundle's bill of materials: CycloneDX in JSON.

    It lists images, charts, binaries and files with digests, and licences where they are stated.
    It is part of the bundle and covered by its signature.

    \b
    edgeboot bundle sbom edge.tar > edge.cdx.json
    """
    with Bundle.open(path) as opened:
        carried = opened.contents.of(Role.SBOM)
        if carried:
            data = b"".join(opened.source(carried[0].blob).open())
        else:  # built before bundles carried one
            data = materials.document(opened.contents, opened.source)
    click.echo(data, nl=False)
