"""Signs bundles: ``NAME.minisig`` next to a bundle signs its table of contents.

The table of contents covers every blob by digest. The date is in the trusted comment, because
bundles are reproducible and contain no times.
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
    """Checks to skip, each enabled by a flag (``--allow-unsigned`` …)."""

    unsigned: bool = False
    expired: bool = False
    older: bool = False


STRICT = Trust()


def signature_path(bundle: Path) -> Path:
    """Return the path of a bundle's signature."""
    return bundle.with_name(bundle.name + ".minisig")


def sign(bundle: Path, contents: Contents, key: SecretKey, today: date) -> Path:
    """Sign a bundle with these contents; returns the path of the signature."""
    comment = f"name={contents.name} version={contents.k3s_version} date={today.isoformat()}"
    path = signature_path(bundle)
    atomic.write(path, key.sign(encoding.encode(contents), comment))
    return path


def admit(
    bundle: Path, contents: Contents, keys: Sequence[PublicKey], trust: Trust = STRICT
) -> minisign.Signature | None:
    """Verify that one of ``keys`` signed a bundle and that it has not expired.

    Returns the signature; raises Refused otherwise. With ``trust.unsigned``, returns None for a
    bundle without a signature or with one by another key. An invalid signature by one of ``keys``
    is always refused.
    """
    found = _verified(bundle, contents, keys, trust)
    today = datetime.now(UTC).date().isoformat()
    if contents.expires is not None and contents.expires < today and not trust.expired:
        raise Refused(
            f"{bundle} expired: it was valid until {contents.expires}",
            hint="build it again, or pass --allow-expired",
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
            f"{bundle} is not signed: {path} does not exist",
            hint="copy its signature here, "
            f"sign it with `edgeboot bundle sign --key FILE {bundle}`, or pass "
            "--allow-unsigned to plan, install or verify",
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
        hint="if you trust that key, add it to `bundle-keys` in the inventory or pass it with "
        "--key; or pass --allow-unsigned to plan, install or verify",
        error_id="bundle-untrusted",
    )


def public_key(given: str) -> PublicKey:
    """Return a public key from its line or from a file; raises BadInput if it is invalid."""
    if re.fullmatch(r"RW[A-Za-z0-9+/]{54}", given):
        return minisign.read_public(given, "the public key")
    path = Path(given)
    if given.startswith("RW") and not path.exists():
        hint = "use the 56-character line that starts with RW, or the .pub file"
        raise BadInput(f"{given[:60]!r} is neither a public key nor a file", hint=hint)
    return minisign.read_public(bounded.read(path, _FILE_MAX).decode("utf-8", "replace"), given)


def needs_passphrase(path: Path) -> bool:
    """Report whether a secret key file is encrypted."""
    return minisign.is_encrypted(bounded.read(path, _FILE_MAX), str(path))


def secret_key(path: Path, passphrase: Secret | None) -> SecretKey:
    """Read a secret key file; raises BadInput if it is invalid or accessible to other users."""
    if path.exists() and path.stat().st_mode & 0o077:
        hint = f"run `chmod 600 {path}`"
        raise BadInput(f"the secret key {path} is accessible to other users", hint=hint)
    return minisign.read_secret(bounded.read(path, _FILE_MAX), str(path), passphrase)


def write_keys(secret: Path, passphrase: Secret | None) -> tuple[PublicKey, Path]:
    """Write a key pair to ``secret`` (mode 0600) and a ``.pub`` file; existing files are kept."""
    public = check_new(secret)
    key = minisign.generate()
    atomic.write(secret, key.file(passphrase), mode=0o600, overwrite=False)
    atomic.write(public, key.public.file(), overwrite=False)
    return key.public, public


def check_new(secret: Path) -> Path:
    """Return the path of a new public key; raises BadInput if either file exists."""
    public = secret.with_suffix(".pub")
    for path in (secret, public):
        if path.exists():
            raise BadInput(f"{path} already exists", hint="choose another name")
    return public
