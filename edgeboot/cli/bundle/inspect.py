"""``edgeboot bundle inspect``: the contents of a bundle and their sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Contents, Role
from edgeboot.bundle.format.sizes import shares
from edgeboot.bundle.trust.signing import signature_path
from edgeboot.cli.formats import output_option
from edgeboot.plan.steps import human_size

_LARGEST = 10


@click.command()
@click.argument("path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--sizes", is_flag=True, help="Only list sizes, of every part.")
@output_option("text", "json")
def inspect(path: Path, sizes: bool, output: str) -> None:
    """Show what a bundle contains and what takes the space.

    With `--output json` it prints the table of contents, the bytes that are signed; with
    --sizes as well, the size of each part in bytes.

    \b
    edgeboot bundle inspect edge.tar
    edgeboot bundle inspect edge.tar --sizes --output json
    """
    with Bundle.open(path) as opened:
        contents = opened.contents
    if output == "json":
        table = encoding.encode(contents).decode()
        rows = [asdict(share) for share in shares(contents)]
        click.echo(json.dumps(rows, indent=1) + "\n" if sizes else table, nl=False)
        return
    size = path.stat().st_size
    lines = [] if sizes else [*_head(path, contents, size), *_parts(contents)]
    for line in (*lines, *_room(contents, size, None if sizes else _LARGEST)):
        click.echo(line)


def _head(path: Path, contents: Contents, size: int) -> Iterator[str]:
    version = f" {contents.version}" if contents.version else ""
    yield (
        f"{contents.name}{version}: {human_size(size)}, K3s {contents.k3s_version}, "
        f"for {', '.join(contents.arches)}"
    )
    if contents.expires:
        yield f"  valid until {contents.expires}"
    if contents.lock:
        yield f"  lock sha256 {contents.lock}"
    signature = signature_path(path)
    if signature.exists():
        yield f"  signed: verify {signature.name} with `edgeboot bundle verify --key`"


def _parts(contents: Contents) -> Iterator[str]:
    for role in Role:
        for item in contents.of(role):
            label = " ".join(filter(None, (item.name, item.version, item.arch)))
            yield f"  {role.value:<11} {human_size(item.blob.size):>9}  {label}"
    for arch in contents.arches:
        archives = contents.archives_of(arch)
        total = human_size(sum(archive.blob.size for archive in archives))
        count = len(contents.images_of(arch))
        yield ""
        yield f"images for {arch}: {count} in {len(archives)} archives, {total}"
        for archive in archives:
            yield f"  {human_size(archive.blob.size):>9}  {archive.file_name}"
            yield from (f"{'':13}{name}" for name in archive.images)


def _room(contents: Contents, size: int, limit: int | None) -> Iterator[str]:
    found = shares(contents)
    if limit is not None:
        yield ""
        yield "largest parts, without shared blobs:"
    for share in found[:limit]:
        percent = 100 * share.size // max(size, 1)
        yield f"  {human_size(share.size):>9} {percent:>3} %  {share.kind} {share.name}"
    if limit is not None and len(found) > limit:
        rest = sum(share.size for share in found[limit:])
        yield f"  {human_size(rest):>9}        {len(found) - limit} more; list them with --sizes"
