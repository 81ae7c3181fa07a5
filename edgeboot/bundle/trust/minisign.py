"""minisign keys and signatures, on Ed25519.

Source: jedisct1.github.io/minisign, "File formats". Signatures cover the BLAKE2b-512 of the data
(``ED``), as in minisign 0.10 and later; older ones over the data itself (``Ed``) are verified too.
Secret keys are encrypted with scrypt, or unencrypted if there is no passphrase.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edgeboot.errors import BadInput, Refused
from edgeboot.secret import Secret

_PLAIN, _PREHASHED = b"Ed", b"ED"
_SCRYPT, _NO_KDF, _BLAKE2 = b"Sc", b"\0\0", b"B2"
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
# libsodium's limits for keys written here: N = 2^17, r = 8, p = 1, 128 MiB
_OPERATIONS, _MEMORY = 1 << 22, 1 << 27
_MEMORY_MAX = 1 << 30  # bytes; the limit that minisign itself uses
COMMENT_MAX = 1024


@dataclass(frozen=True)
class PublicKey:
    """A public key; ``text`` is its line ``RW…``, as minisign writes it."""

    number: bytes  # 8 bytes that identify the key; not authenticated
    point: bytes

    @property
    def text(self) -> str:
        """The key as one line, for an inventory."""
        return _encode(_PLAIN + self.number + self.point)

    @property
    def label(self) -> str:
        """The key number as minisign prints it."""
        return self.number[::-1].hex().upper()

    def file(self) -> bytes:
        """Return the contents of a ``.pub`` file."""
        return f"{_UNTRUSTED}minisign public key {self.label}\n{self.text}\n".encode()


@dataclass(frozen=True)
class SecretKey:
    """A secret key. The seed is never shown."""

    number: bytes
    seed: Secret = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """The public key of this secret key."""
        point = self._private().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return PublicKey(self.number, point)

    def sign(self, data: bytes, comment: str) -> bytes:
        """Return a signature file over ``data`` and the trusted ``comment``.

        Raises BadInput if the comment is not one printable line of at most COMMENT_MAX characters.
        """
        if not _is_comment(comment):
            raise BadInput(
                f"a trusted comment must be one printable line of at most {COMMENT_MAX} characters"
            )
        private = self._private()
        signature = private.sign(hashlib.blake2b(data).digest())
        whole = private.sign(signature + comment.encode())
        lines = (
            f"{_UNTRUSTED}signature from edgeboot, for minisign key {self.public.label}",
            _encode(_PREHASHED + self.number + signature),
            f"{_TRUSTED}{comment}",
            _encode(whole),
        )
        return ("\n".join(lines) + "\n").encode()

    def file(self, passphrase: Secret | None) -> bytes:
        """Return a secret key file, encrypted if there is a passphrase."""
        pair = self.seed.value + self.public.point
        plain = self.number + pair + _checksum(self.number, pair)
        if passphrase is None:
            head, body = _NO_KDF + _BLAKE2 + bytes(48), plain
        else:
            salt = secrets.token_bytes(32)
            limits = _OPERATIONS.to_bytes(8, "little") + _MEMORY.to_bytes(8, "little")
            head = _SCRYPT + _BLAKE2 + salt + limits
            body = _crypt(plain, passphrase, salt, _OPERATIONS, _MEMORY)
        kind = "encrypted" if passphrase else "unencrypted"
        text = _encode(_PLAIN + head + body)
        return f"{_UNTRUSTED}minisign {kind} secret key {self.public.label}\n{text}\n".encode()

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed.value)


@dataclass(frozen=True)
class Signature:
    """A parsed signature file, not yet verified."""

    algorithm: bytes
    number: bytes
    signature: bytes
    comment: str
    whole: bytes
    where: str

    @property
    def label(self) -> str:
        """The number of its key as minisign prints it."""
        return self.number[::-1].hex().upper()

    def verify(self, data: bytes, key: PublicKey) -> None:
        """Raise Refused unless ``key`` signed both ``data`` and the trusted comment."""
        message = hashlib.blake2b(data).digest() if self.algorithm == _PREHASHED else data
        try:
            public = Ed25519PublicKey.from_public_bytes(key.point)
            public.verify(self.signature, message)
            public.verify(self.whole, self.signature + self.comment.encode())
        except (InvalidSignature, ValueError) as error:
            raise Refused(
                f"the signature {self.where} is invalid: key {key.label} did not sign "
                "these contents",
                hint="the bundle or signature was modified, or they are from different builds; "
                "copy both again",
                error_id="bundle-untrusted",
            ) from error


def generate() -> SecretKey:
    """Generate a key."""
    return SecretKey(secrets.token_bytes(8), Secret(secrets.token_bytes(32)))


def read_public(text: str, where: str) -> PublicKey:
    """Parse a public key, as a line or as the text of a ``.pub`` file.

    Raises BadInput if it is invalid.
    """
    raw = _decode(text.strip().splitlines()[-1:], 42)
    if raw is None or raw[:2] != _PLAIN:
        hint = "use the line that starts with RW, or the .pub file"
        raise BadInput(f"{where} is not a minisign public key", hint=hint)
    return PublicKey(raw[2:10], raw[10:])


def is_encrypted(data: bytes, where: str) -> bool:
    """Report whether a secret key file needs a passphrase."""
    return _secret_fields(data, where)[2:4] == _SCRYPT


def read_secret(data: bytes, where: str, passphrase: Secret | None) -> SecretKey:
    """Parse a secret key file; raises BadInput if it is invalid or the passphrase is wrong."""
    raw = _secret_fields(data, where)
    body = raw[54:]
    if raw[2:4] == _SCRYPT:
        if passphrase is None:
            raise BadInput(f"the secret key {where} is encrypted", hint="enter its passphrase")
        operations, memory = (int.from_bytes(raw[i : i + 8], "little") for i in (38, 46))
        if memory > _MEMORY_MAX or operations > _MEMORY_MAX >> 5:
            raise BadInput(f"the secret key {where} needs more than 1 GiB of memory to decrypt")
        body = _crypt(body, passphrase, raw[6:38], operations, memory)
    number, pair, checksum = body[:8], body[8:72], body[72:]
    if raw[2:4] == _SCRYPT and checksum != _checksum(number, pair):
        raise BadInput(f"wrong passphrase for the secret key {where}")
    key = SecretKey(number, Secret(pair[:32]))
    if key.public.point != pair[32:]:  # minisign writes no checksum for unencrypted keys
        raise BadInput(f"the secret key {where} is damaged", hint="restore it from a backup")
    return key


def read_signature(data: bytes, where: str) -> Signature:
    """Parse a signature file; raises Refused if it is invalid."""
    bad = Refused(f"{where} is not a minisign signature", hint="sign the bundle again")
    try:
        lines = [line.rstrip("\r") for line in data.decode("utf-8").rstrip("\n").split("\n")]
    except UnicodeDecodeError:
        raise bad from None
    if len(lines) != 4 or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
        raise bad
    comment = lines[2].removeprefix(_TRUSTED)
    first, whole = _decode(lines[1:2], 74), _decode(lines[3:], 64)
    if first is None or whole is None or first[:2] not in (_PLAIN, _PREHASHED):
        raise bad
    if not _is_comment(comment):
        raise bad
    return Signature(first[:2], first[2:10], first[10:], comment, whole, where)


def _secret_fields(data: bytes, where: str) -> bytes:
    lines = data.decode("utf-8", "replace").splitlines()
    raw = _decode(lines[1:2], 158)
    known = raw is not None and raw[:2] == _PLAIN and raw[4:6] == _BLAKE2
    if raw is None or not known or raw[2:4] not in (_SCRYPT, _NO_KDF):
        raise BadInput(
            f"{where} is not a minisign secret key", hint="create one with `edgeboot bundle keygen`"
        )
    return raw


def _crypt(data: bytes, passphrase: Secret, salt: bytes, operations: int, memory: int) -> bytes:
    """XOR with the scrypt stream, with parameters derived from the limits as in libsodium."""
    rounds = max(operations, 32768)
    if rounds < memory // 32:
        cost, parallel = _power_above(rounds // 32 // 2), 1
    else:
        cost = _power_above(memory // 1024 // 2)
        parallel = max(1, rounds // 4 // cost // 8)
    stream = hashlib.scrypt(
        passphrase.value,
        salt=salt,
        n=cost,
        r=8,
        p=parallel,
        maxmem=_MEMORY_MAX + (64 << 20),
        dklen=len(data),
    )
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))


def _power_above(number: int) -> int:
    return max(2, 1 << number.bit_length())


def _is_comment(text: str) -> bool:
    """Report whether a comment is printable, without terminal escapes; minisign writes tabs."""
    return len(text) <= COMMENT_MAX and text.replace("\t", " ").isprintable()


def _checksum(number: bytes, pair: bytes) -> bytes:
    return hashlib.blake2b(_PLAIN + number + pair, digest_size=32).digest()


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(lines: list[str], length: int) -> bytes | None:
    try:
        raw = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        return None
    # accept only the canonical encoding: lenient decoders ignore trailing bits
    return raw if len(raw) == length and _encode(raw) == "".join(lines) else None
