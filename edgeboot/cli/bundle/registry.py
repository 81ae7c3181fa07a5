"""``edgeboot bundle push|pull|images``: bundles in registries, and the images of charts."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build.resolve import releases
from edgeboot.bundle.build.spec import load
from edgeboot.bundle.charts.images import UNKNOWN, Release
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry import artifact
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.bundle.store.blobs import Store, default_root
from edgeboot.cli.bundle.written import tell_written
from edgeboot.cli.formats import out_options
from edgeboot.cli.terminal.progress import listener
from edgeboot.errors import BadInput
from edgeboot.plan.steps import human_size

_PATH = click.Path(path_type=Path)
_ca = click.option(
    "--ca", type=_PATH, help="Trust only this CA file (PEM), for a private registry."
)
_plain = click.option("--plain-http", is_flag=True, help="Use plain HTTP, without encryption.")


@click.command()
@click.argument("path", metavar="BUNDLE", type=_PATH)
@click.argument("reference", metavar="REGISTRY/REPOSITORY:TAG")
@_ca
@_plain
def push(path: Path, reference: str, ca: Path | None, plain_http: bool) -> None:
    """Push a bundle to an OCI registry; only blobs that are missing there are sent.

    The login is taken from docker's configuration (`docker login`, `skopeo login`).

    \b
    edgeboot bundle push edge.tar registry.example/site/edge:2026-07
    """
    named = _reference(reference)
    with listener("text") as tell:
        digest, sent = artifact.push(path, named, _registry(named, ca, plain_http), tell)
    click.echo(f"{named.registry}/{named.repository}@{digest}: {human_size(sent)} sent")


@click.command()
@click.argument("reference", metavar="REGISTRY/REPOSITORY:TAG")
@out_options("text", "json", out_help="The bundle to write.", required=True)
@_ca
@_plain
def pull(reference: str, out: Path, output: str | None, ca: Path | None, plain_http: bool) -> None:
    """Pull a bundle from an OCI registry, byte for byte as it was pushed.

    Blobs in the cache are not fetched again; an interrupted pull resumes.

    \b
    edgeboot bundle pull registry.example/site/edge:2026-07 --out edge.tar
    """
    named = _reference(reference)
    registry = _registry(named, ca, plain_http)
    with listener("text") as tell:
        digest = artifact.pull(named, out, registry, Store(default_root()), tell)
    if output == "json":
        tell_written(out, digest=digest)
        return
    click.echo(f"{out}: {human_size(out.stat().st_size)}, {digest}")
    click.echo(f"Next: edgeboot bundle verify {shlex.quote(str(out))}")


@click.command()
@click.option("-f", "--file", "spec", type=_PATH, required=True, help="The bundle.yml to read.")
@click.option("--helm", metavar="PROGRAM", help="Render charts with this helm.")
@click.option("--why", is_flag=True, help="Say why each image is listed.")
def images(spec: Path, helm: str | None, why: bool) -> None:
    """List the images that a bundle.yml names and that its charts need.

    K3s's own are in its release. Unknown images are reported on standard error.

    \b
    edgeboot bundle images -f bundles/edge.yml --why
    """
    wanted, path = load(spec), locks.path_beside(spec)
    lock = locks.read(path) if wanted.helm is not None and path.exists() else None
    with listener("text") as tell:
        found = releases(wanted, helm=helm, lock=lock, listener=tell)
    told: dict[str, list[str]] = {}
    for entry in wanted.pulls:
        told.setdefault(entry.reference.name, []).append(f"listed at {entry.where}")
    for release in found:
        for one in release.discovery.found:
            told.setdefault(one.image, []).append(f"{release.name}: {one.how}, {one.where}")
    for name in sorted(told):
        click.echo(name)
        for reason in told[name] if why else ():
            click.echo(f"    {reason}")
    _tell_unresolved(found, wanted.strict)


def _tell_unresolved(found: list[Release], strict: bool) -> None:
    lines = [f"{r.where}: {r.name}: {line}" for r in found for line in r.discovery.unresolved]
    for line in lines:
        click.echo(f"not known: {line}", err=True)
    if lines and strict:
        raise BadInput(f"{len(lines)} images are unknown", hint=UNKNOWN)


def _reference(text: str) -> Reference:
    try:
        return parse(text.removeprefix("oci://"))
    except ValueError as error:
        raise BadInput(str(error), hint="write REGISTRY/REPOSITORY:TAG") from None


def _registry(reference: Reference, ca: Path | None, plain_http: bool) -> Registry:
    settings = RegistrySettings(reference.registry, ca=ca, plain_http=plain_http or None)
    return Registry([settings] if ca or plain_http else [])
