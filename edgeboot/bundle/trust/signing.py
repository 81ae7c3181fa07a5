"""Signatures of bundles: ``NAME.minisig`` beside a bundle, over the bytes of its contents.

The contents' digests cover everything else, so whoever trusts the contents trusts the bundle. The
date stands in the trusted comment and not in the bundle, whose bytes know no clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.contents import Contents
from edgeboot.bundle.trust import minisign
from edgeboot.bundle.trust.minisign import PublicKey, SecretKey
from edgeboot.errors import BadInput, Refused
from edgeboot.localio import atomic, bounded
from edgeboot.secret import Secret

_FILE_MAX = 16 << 10


@dataclass(frozen=True)
class Trust:
    """What is let through although it would be refused; each is asked for by name."""

    unsigned: bool = False
    expired: bool = False
    older: bool = False


STRICT = Trust()


def signature_path(bundle: Path) -> Path:
    """Where the signature of a bundle is."""
    return bundle.with_name(bundle.name + ".minisig")


def sign(bundle: Path, contents: Contents, key: SecretKey, today: date) -> Path:
    """Write the signature of a bundle with these contents; returns its path."""
    comment = f"name={contents.name} version={contents.k3s_version} date={today.isoformat()}"
    path = signature_path(bundle)
    atomic.write(path, key.sign(encoding.encode(contents), comment))
    return path


def admit(
    bundle: Path, contents: Contents, keys: Sequence[PublicKey], trust: Trust = STRICT
) -> minisign.Signature | None:
    """Whether one of ``keys`` signed a bundle and it has not expired; the signature that says so.

    Raises Refused where not. ``trust.unsigned`` lets a bundle through that has no signature, or one
    of a key that is not among ``keys`` (None is returned then); a signature by one of ``keys`` that
    does not fit is refused in any case.
    """
    found = _verified(bundle, contents, keys, trust)
    today = datetime.now(UTC).date().isoformat()
    if contents.expires is not None and contents.expires < today and not trust.expired:
        raise Refused(
            f"{bundle} expired: it was good until {contents.expires}",
            hint="build it again, or accept it with --allow-expired",
            error_id="bundle-expired",
        )
    return found


def _verified(
    bundle: Path, contents: Contents, keys: Sequence[PublicKey], trust: Trust
) -> minisign.Signature | None:
    path = signature_path(bundle)
    if not path.exists():
        if trust.unsigned:
            return None
        raise Refused(
            f"{bundle} is not signed: no {path.name} beside it",
            hint=f"copy its signature here, or sign it: edgeboot bundle sign --key FILE {bundle}; "
            "or accept it with --allow-unsigned of plan, install and verify",
            error_id="bundle-untrusted",
        )
    signature = minisign.read_signature(bounded.read(path, _FILE_MAX), str(path))
    for key in keys:
        if key.number == signature.number:
            signature.verify(encoding.encode(contents), key)
            return signature
    if trust.unsigned:
        return None
    label = signature.number[::-1].hex().upper()
    known = ", ".join(key.label for key in keys) or "none"
    raise Refused(
        f"{bundle} is signed by key {label}; the trusted keys are {known}",
        hint="if that key is trusted, add its public line to `bundle-keys` of the inventory (or "
        "name it with --key), or accept the bundle with --allow-unsigned of plan, install and "
        "verify",
        error_id="bundle-untrusted",
    )


def public_key(given: str) -> PublicKey:
    """A public key as somebody gives it: its line, or a file with it."""
    if re.fullmatch(r"RW[A-Za-z0-9+/]{54}", given):
        return minisign.read_public(given, "the key")
    path = Path(given)
    if given.startswith("RW") and not path.exists():
        hint = "give the line of 56 characters that starts with RW, or the .pub file with it"
        raise BadInput(f"{given[:60]!r} is neither a public key nor a file", hint=hint)
    return minisign.read_public(bounded.read(path, _FILE_MAX).decode("utf-8", "replace"), given)


def needs_passphrase(path: Path) -> bool:
    """Whether a secret key file is encrypted."""
    return minisign.is_encrypted(bounded.read(path, _FILE_MAX), str(path))


def secret_key(path: Path, passphrase: Secret | None) -> SecretKey:
    """The key in a secret key file; BadInput where it is none, or open to others."""
    if path.exists() and path.stat().st_mode & 0o077:
        hint = f"chmod 600 {path}"
        raise BadInput(f"others can read the secret key {path}", hint=hint)
    return minisign.read_secret(bounded.read(path, _FILE_MAX), str(path), passphrase)


def write_keys(secret: Path, passphrase: Secret | None) -> tuple[PublicKey, Path]:
    """Make a key pair: ``secret`` (0600, never overwritten) and the ``.pub`` file beside it."""
    public = check_new(secret)
    key = minisign.generate()
    atomic.write(secret, key.file(passphrase), mode=0o600, overwrite=False)
    atomic.write(public, key.public.file(), overwrite=False)
    return key.public, public


def check_new(secret: Path) -> Path:
    """Where the public half of a new key goes; BadInput where either file is there already."""
    public = secret.with_suffix(".pub")
    for path in (secret, public):
        if path.exists():
            raise BadInput(f"{path} already exists", hint="choose another name")
    return public
