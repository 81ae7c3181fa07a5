"""``edgeboot bundle build|extract``, and the group ``bundle``."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build import wheelhouse
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.build.releases.section import source_of
from edgeboot.bundle.build.spec import load
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Role
from edgeboot.bundle.format.extract import extract
from edgeboot.bundle.trust.signing import signature_path
from edgeboot.cli.bundle import cache, init, inspect, lock, registry, sbom, sign, travel
from edgeboot.cli.bundle.written import tell_written
from edgeboot.cli.formats import out_options
from edgeboot.cli.groups import Group
from edgeboot.cli.terminal.progress import listener
from edgeboot.errors import BadInput
from edgeboot.events import Note
from edgeboot.plan.steps import human_size
from edgeboot.platform import ARCHES

_PATH = click.Path(path_type=Path)


@click.group(cls=Group)
def bundle() -> None:
    """Build, sign and move bundles: everything a site needs in one file."""


@bundle.command("build")
@click.option(
    "-f", "--file", "spec", type=_PATH, required=True, help="The bundle.yml to build from."
)
@out_options("text", "json", out_help="The bundle to write.  [default: NAME.tar]")
@click.option(
    "--k3s-release",
    "release",
    metavar="DIR_OR_URL",
    help="Use this K3s release instead of the one in the file.",
)
@click.option(
    "--arch",
    "arches",
    multiple=True,
    type=click.Choice(sorted(ARCHES)),
    help="Only for this architecture; may be repeated.",
)
@click.option("--helm", metavar="PROGRAM", help="Render charts with this helm.")
@click.option(
    "--locked", is_flag=True, help="Refuse any difference from the lock next to the file."
)
@click.option(
    "--sign-key",
    "key_file",
    type=_PATH,
    envvar="EDGEBOOT_SIGN_KEY",
    show_envvar=True,
    help="Sign the bundle with this secret key (see keygen).",
)
@click.option(
    "--with-edgeboot",
    is_flag=True,
    help="Add wheels of edgeboot and its dependencies, to set up a controller offline.",
)
@click.option(
    "--python", metavar="3.N", help="Python of that controller.  [default: the one running here]"
)
@click.option(
    "--platform",
    metavar="TAG",
    help="Platform of that controller, as wheels name it: manylinux2014_aarch64.  "
    "[default: this one]",
)
def build_command(
    spec: Path,
    out: Path | None,
    output: str | None,
    release: str | None,
    arches: tuple[str, ...],
    helm: str | None,
    locked: bool,
    key_file: Path | None,
    with_edgeboot: bool,
    python: str | None,
    platform: str | None,
) -> None:
    """Build a bundle from a bundle.yml.

    \b
    edgeboot bundle build -f bundles/edge.yml --out edge.tar --sign-key site.key
    edgeboot bundle build -f bundles/minimal.yml --k3s-release ./release --arch arm64
    edgeboot bundle build -f bundles/edge.yml --locked
    edgeboot bundle build -f bundles/edge.yml --with-edgeboot --out edge.tar
    """
    wanted = load(spec)
    key = sign.load_secret_key(key_file) if key_file else None
    if arches:
        chosen = tuple(ARCHES[arch] for arch in arches)
        wanted = replace(wanted, k3s=replace(wanted.k3s, arches=chosen))
    source = None if release is None else source_of(release, Path())
    target = out or Path(f"{wanted.name}.tar")
    if not with_edgeboot and (python or platform):
        raise BadInput("--python and --platform require --with-edgeboot")
    lock = locks.read(locks.path_beside(spec)) if locked else None
    with listener("text") as tell, tempfile.TemporaryDirectory(prefix="edgeboot-wheels-") as work:
        if with_edgeboot:
            tell(Note("collecting edgeboot's wheels"))
            wheels = wheelhouse.collect(Path(work), wheelhouse.Target(python, platform))
            wanted = replace(wanted, files=(*wanted.files, *wheels))
        path = build(wanted, target, release=source, lock=lock, helm=helm, listener=tell)
    with Bundle.open(path) as built:
        version = built.contents.k3s_version
        for_people = output != "json"
        if for_people:
            click.echo(f"{path}: {human_size(path.stat().st_size)}, K3s {version}")
        signature = signature_path(path)
        if key is not None:
            sign.write_signature(path, built, key, err=not for_people)
        elif signature.exists():
            what = f"{signature} belongs to an earlier build. Sign this one again."
            click.echo(what, err=not for_people)
    if for_people:
        click.echo("Next: copy it to the site and run there:")
        click.echo(f"edgeboot bundle verify {shlex.quote(str(path))}")
    else:
        tell_written(path, k3s=version, signature=str(signature) if key is not None else None)


@bundle.command("extract")
@click.argument("path", metavar="BUNDLE", type=_PATH)
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    default=[Role.FILE.value],
    show_default=True,
    help="What to extract; may be repeated.",
)
def extract_command(path: Path, directory: Path, roles: tuple[str, ...]) -> None:
    """Extract plain files, or charts, manifests and binaries, from a bundle.

    A bundle built with --with-edgeboot contains wheels to set up a controller, and a README
    with the commands.

    \b
    edgeboot bundle extract edge.tar stick/edgeboot
    edgeboot bundle extract edge.tar charts --role chart
    """
    with Bundle.open(path) as opened:
        written = extract(opened, directory, [Role(role) for role in roles])
    click.echo(f"{directory}: {len(written)} files")
    if directory / wheelhouse.README in written:
        click.echo(f"Next: read {directory / wheelhouse.README}")


for command in (
    *(init.init, inspect.inspect),
    *(sign.keygen, sign.sign, sign.verify),
    *(travel.split, travel.join, travel.diff),
    *(travel.delta_command, travel.apply_delta),
    *(cache.cache, sbom.sbom),
    *(lock.lock, lock.update, lock.schema),
    *(registry.images, registry.push, registry.pull),
):
    bundle.add_command(command)
