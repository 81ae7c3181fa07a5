"""``edgeboot bundle``: build bundles and look into them; the other commands have own files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from edgeboot.bundle import contents_json, wheelhouse
from edgeboot.bundle import lock as locks
from edgeboot.bundle.archive import Bundle
from edgeboot.bundle.build import build
from edgeboot.bundle.contents import Blob, Contents, Role
from edgeboot.bundle.extract import extract
from edgeboot.bundle.signing import signature_path
from edgeboot.bundle.spec import load, source_of
from edgeboot.cli import (
    bundle_cache,
    bundle_lock,
    bundle_oci,
    bundle_sbom,
    bundle_sign,
    bundle_travel,
)
from edgeboot.cli.options import output_option
from edgeboot.cli.progress import listener
from edgeboot.errors import BadInput
from edgeboot.events import Note
from edgeboot.plan.steps import human_size
from edgeboot.platform import ARCHES

_PATH = click.Path(path_type=Path)
_LARGEST = 10


@click.group()
def bundle() -> None:
    """Everything a site needs in one file, built on a connected machine."""


@bundle.command("build")
@click.option("-f", "--file", "spec", type=_PATH, required=True, help="What to collect.")
@click.option("-o", "--output", type=_PATH, help="The bundle to write.  [default: NAME.tar]")
@click.option(
    "--k3s-release",
    "release",
    metavar="DIR_OR_URL",
    help="Take K3s from here and not from where the file says.",
)
@click.option(
    "--arch",
    "arches",
    multiple=True,
    type=click.Choice(sorted(ARCHES)),
    help="Take K3s for this architecture only; may be given again.",
)
@click.option("--helm", metavar="PROGRAM", help="Look for images of charts with this helm.")
@click.option("--locked", is_flag=True, help="Refuse whatever differs from the lock beside it.")
@click.option(
    "--sign-key", "key_file", type=_PATH, help="Sign the bundle with this secret key (see keygen)."
)
@click.option(
    "--with-edgeboot",
    is_flag=True,
    help="Add wheels of edgeboot and all it needs, to set up a controller without Internet.",
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
    output: Path | None,
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
    edgeboot bundle build -f bundles/edge.yml -o edge.tar --sign-key site.key
    edgeboot bundle build -f bundles/minimal.yml --k3s-release ./release --arch arm64
    edgeboot bundle build -f bundles/edge.yml --locked
    edgeboot bundle build -f bundles/edge.yml --with-edgeboot -o edge.tar
    """
    wanted = load(spec)
    key = bundle_sign.load_secret_key(key_file) if key_file else None
    if arches:
        chosen = tuple(ARCHES[arch] for arch in arches)
        wanted = replace(wanted, k3s=replace(wanted.k3s, arches=chosen))
    source = None if release is None else source_of(release, Path())
    target = output or Path(f"{wanted.name}.tar")
    if not with_edgeboot and (python or platform):
        raise BadInput("--python and --platform go with --with-edgeboot", hint="add it")
    lock = locks.read(locks.path_beside(spec)) if locked else None
    with listener("text") as tell, tempfile.TemporaryDirectory(prefix="edgeboot-wheels-") as work:
        if with_edgeboot:
            tell(Note("collecting edgeboot's wheels"))
            wheels = wheelhouse.collect(Path(work), wheelhouse.Target(python, platform))
            wanted = replace(wanted, files=(*wanted.files, *wheels))
        path = build(wanted, target, release=source, lock=lock, helm=helm, listener=tell)
    with Bundle.open(path) as built:
        version = built.contents.k3s_version
        click.echo(f"{path}: {human_size(path.stat().st_size)}, K3s {version}")
        if key is not None:
            bundle_sign.write_signature(path, built, key)
        elif signature_path(path).exists():
            click.echo(f"{signature_path(path)} is of an earlier build: sign this one as well.")
    click.echo(f"Next: copy it where it is needed and run `edgeboot bundle verify {path}` there.")


@bundle.command()
@click.argument("path", metavar="BUNDLE", type=_PATH)
@output_option("text", "json")
def inspect(path: Path, output: str) -> None:
    """Show what a bundle carries and what takes the room; read its contents only.

    \b
    edgeboot bundle inspect edge.tar
    """
    with Bundle.open(path) as opened:
        contents = opened.contents
    if output == "json":
        click.echo(contents_json.encode(contents).decode(), nl=False)
        return
    click.echo(_text(contents, path.stat().st_size))


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
    help="What to take out; may be given again.",
)
def extract_command(path: Path, directory: Path, roles: tuple[str, ...]) -> None:
    """Take plain files, or charts, manifests and binaries, out of a bundle.

    With a bundle built --with-edgeboot these are the wheels to set up a controller with, and a
    README that says how in three commands.

    \b
    edgeboot bundle extract edge.tar stick/edgeboot
    edgeboot bundle extract edge.tar charts --role chart
    """
    with Bundle.open(path) as opened:
        written = extract(opened, directory, [Role(role) for role in roles])
    click.echo(f"{directory}: {len(written)} files")
    if directory / wheelhouse.README in written:
        click.echo(f"Next: read {directory / wheelhouse.README}")


def _text(contents: Contents, size: int) -> str:
    lines = [
        f"{contents.name}: {human_size(size)}, K3s {contents.k3s_version}, "
        f"for {', '.join(contents.arches)}"
    ]
    for role in Role:
        for item in contents.of(role):
            label = " ".join(filter(None, (item.name, item.version, item.arch)))
            lines.append(f"  {role.value:<11} {human_size(item.blob.size):>9}  {label}")
    for arch in contents.arches:
        archives = contents.archives_of(arch)
        total = sum(archive.blob.size for archive in archives)
        lines.append(
            f"\nimages for {arch}: {len(contents.images_of(arch))} in {len(archives)} archives, "
            f"{human_size(total)}"
        )
        for archive in archives:
            lines.append(f"  {human_size(archive.blob.size):>9}  {archive.file_name}")
            lines += [f"{'':13}{name}" for name in archive.images]
    lines.append("\nwhat takes the room:")
    users = _users(contents)
    for blob in sorted(users, key=lambda b: (-b.size, b.sha256))[:_LARGEST]:
        lines.append(
            f"  {human_size(blob.size):>9} {100 * blob.size // max(size, 1):>3} %  "
            f"{', '.join(users[blob])}"
        )
    return "\n".join(lines)


def _users(contents: Contents) -> dict[Blob, list[str]]:
    """Each blob of a bundle, and what it is part of."""
    users: dict[Blob, list[str]] = {}
    for item in contents.items:
        users.setdefault(item.blob, []).append(" ".join(filter(None, (item.name, item.arch))))
    for image in contents.images:
        for blob in image.blobs:
            users.setdefault(blob, []).append(f"{image.name} ({image.arch})")
    return users


for command in (
    *(bundle_sign.keygen, bundle_sign.sign, bundle_sign.verify),
    *(bundle_travel.split, bundle_travel.join, bundle_travel.diff),
    *(bundle_travel.delta_command, bundle_travel.apply_delta),
    *(bundle_cache.cache, bundle_sbom.sbom),
    *(bundle_lock.lock, bundle_lock.update, bundle_lock.schema),
    *(bundle_oci.images, bundle_oci.push, bundle_oci.pull),
):
    bundle.add_command(command)
