"""``edgeboot bundle keygen|sign|verify``."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.trust import signing
from edgeboot.bundle.trust.minisign import SecretKey
from edgeboot.cli.terminal.hidden import read_line
from edgeboot.cli.terminal.progress import listener
from edgeboot.errors import BadInput
from edgeboot.secret import Secret

_ATTEMPTS = 3
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("secret", metavar="FILE", type=_PATH, default=Path("edgeboot.key"))
@click.option("--no-passphrase", is_flag=True, help="Do not encrypt the secret key.")
def keygen(secret: Path, no_passphrase: bool) -> None:
    """Create a key pair to sign bundles with: FILE, and FILE's name with .pub.

    They are minisign keys and also work with minisign.

    \b
    edgeboot bundle keygen site.key
    edgeboot bundle keygen --no-passphrase ci.key
    """
    signing.check_new(secret)
    passphrase = None if no_passphrase else asked_passphrase(secret, confirm=True)
    key, public = signing.write_keys(secret, passphrase)
    click.echo(f"{secret}: keep it secret. {public}: give it to everyone who installs.")
    click.echo("Next: add this to the inventory, at the top level:")
    click.echo(f"bundle-keys: [{key.text}]")


@click.command()
@click.argument("path", metavar="BUNDLE", type=_PATH)
@click.option(
    "--key",
    "key_file",
    type=_PATH,
    required=True,
    envvar="EDGEBOOT_SIGN_KEY",
    show_envvar=True,
    help="The secret key to sign with.",
)
def sign(path: Path, key_file: Path) -> None:
    """Sign a bundle: write BUNDLE.minisig, which covers all of it.

    Every byte is checked first: a damaged bundle is not signed.

    \b
    edgeboot bundle sign --key site.key edge.tar
    """
    key = load_secret_key(key_file)
    with Bundle.open(path) as opened:
        with listener("text") as tell:
            opened.verify(tell)
        write_signature(path, opened, key)


@click.command()
@click.argument("path", metavar="BUNDLE", type=_PATH)
@click.option(
    "--key",
    "keys",
    metavar="KEY_OR_FILE",
    multiple=True,
    help="Public key that must have signed it: RW…, or a .pub file; may be repeated.",
)
def verify(path: Path, keys: tuple[str, ...]) -> None:
    """Check every byte of a bundle and list what is damaged (exit code 5).

    With --key, also check that one of the keys signed it and that it has not expired.

    \b
    edgeboot bundle verify edge.tar
    edgeboot bundle verify edge.tar --key site.pub
    """
    public = [signing.public_key(key) for key in keys]
    with Bundle.open(path) as opened, listener("text") as tell:
        signature = signing.admit(path, opened.contents, public) if public else None
        opened.verify(tell)
        blobs = len(encoding.all_blobs(opened.contents))
        archives = len(opened.contents.archives)
    click.echo(f"{path} is intact: verified {blobs} blobs and {archives} image archives.")
    if signature is not None:
        click.echo(f"Signed: {signature.comment}")
    elif not public:
        again = f"edgeboot bundle verify {shlex.quote(str(path))} --key KEY.pub"
        click.echo(f"The signature was NOT checked: no key was given. To check it: {again}")


def load_secret_key(path: Path) -> SecretKey:
    """Read a secret key file; asks for the passphrase, three times, if it is encrypted."""
    if not signing.needs_passphrase(path):
        return signing.secret_key(path, None)
    for left in reversed(range(_ATTEMPTS)):
        passphrase = asked_passphrase(path)
        try:
            return signing.secret_key(path, passphrase)
        except BadInput as error:
            if not (left and sys.stdin.isatty()) or "wrong passphrase" not in error.what:
                raise
            click.echo(error.what, err=True)
    raise AssertionError("the last attempt returns or raises")


def write_signature(path: Path, bundle: Bundle, key: SecretKey, *, err: bool = False) -> None:
    """Sign an open bundle and print the result, with ``err`` on standard error."""
    written = signing.sign(path, bundle.contents, key, datetime.now(UTC).date())
    what = f"{written}: signed by key {key.public.label}; copy it together with the bundle."
    click.echo(what, err=err)


def asked_passphrase(path: Path, *, confirm: bool = False) -> Secret:
    """Read a passphrase from the terminal, or else from the first line of standard input."""
    hint = "type one, pass it on standard input, or create a key with --no-passphrase"
    if not sys.stdin.isatty():
        text = sys.stdin.readline().rstrip("\n").encode()
        if text:
            return Secret(text)
        raise BadInput(f"no passphrase given for {path}", hint=hint)
    for _ in range(_ATTEMPTS):
        answer = read_line(f"Passphrase of {path}", hidden=True)
        if answer is None:
            break
        if not answer:
            click.echo("nothing was typed", err=True)
        elif confirm and read_line("The same passphrase again", hidden=True) != answer:
            click.echo("the two passphrases differ", err=True)
        else:
            return Secret(answer)
    raise BadInput(f"no passphrase given for {path}", hint=hint)
