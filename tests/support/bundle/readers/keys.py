"""Signature files and keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator

from edgeboot.bundle.trust import minisign
from edgeboot.secret import Secret
from tests.support.bundle.readers import Case, Modules, Run, flipped


def signature_cases() -> Iterator[Case]:  # noqa: C901
    """Signature files and keys."""
    key = minisign.SecretKey(b"12345678", Secret(b"s" * 32))
    public, whole = key.public, key.sign(b"data", "a comment\twith a tab")
    lines = whole.decode().split("\n")

    def verify(data: bytes, signed: bytes = b"data") -> Run:
        def run(m: Modules) -> object:
            found = m.minisign.read_signature(data, "it")
            found.verify(signed, m.minisign.read_public(public.text, "the key"))
            return found.comment

        return run

    def text(*changed: tuple[int, str]) -> bytes:
        copied = list(lines)
        for number, line in changed:
            copied[number] = line
        return "\n".join(copied).encode()

    def recoded(line: str, edit: Callable[[bytes], bytes]) -> str:
        return base64.b64encode(edit(base64.b64decode(line))).decode()

    yield "a good signature", verify(whole)
    yield "a good signature with CR", verify(whole.replace(b"\n", b"\r\n"))
    yield "of other data", verify(whole, b"other")
    yield "another comment", verify(text((2, "trusted comment: another")))
    yield "an escape in the comment", verify(text((2, "trusted comment: a\x1b[2J")))
    yield "a long comment", verify(text((2, "trusted comment: " + "c" * 1025)))
    yield "no comment", verify(text((2, "comment")))
    yield "no first line", verify(text((0, "x")))
    yield "three lines", verify("\n".join(lines[:3]).encode())
    yield "five lines", verify(whole + b"x")
    yield "two lines", verify("\n".join(lines[:2]).encode())
    yield "a line in two", verify(text((3, lines[3][:9] + "\n" + lines[3][9:])))
    yield "not UTF-8", verify(b"\xff" + whole)
    for number in (1, 3):
        yield f"no base64 {number}", verify(text((number, "!")))
        yield f"short {number}", verify(text((number, recoded(lines[number], lambda b: b[:-1]))))
        yield f"long {number}", verify(text((number, recoded(lines[number], lambda b: b + b"x"))))
        yield (
            f"flipped {number}",
            verify(text((number, recoded(lines[number], lambda b: flipped(b, 30))))),
        )
        loose = lines[number][:-3] + chr(ord(lines[number][-3]) + 1) + "=="
        yield f"another spelling {number}", verify(text((number, loose)))
    for kind in (b"Ed", b"EE", b"\0\0"):
        other = recoded(lines[1], lambda b, k=kind: k + b[2:])  # type: ignore[misc]
        yield f"algorithm {kind!r}", verify(text((1, other)))
    for given in (public.text, public.text[:-4], "RWx", "", public.text.lower(), "Ed" + "A" * 54):
        yield (
            f"key {given[:10]!r} {len(given)}",
            lambda m, g=given: (
                m.minisign.read_public(  # type: ignore[misc]
                    g, "it"
                ).label
            ),
        )
    secret = key.file(None)
    first, body = secret.decode().splitlines()

    def opened(data: bytes) -> Run:
        return lambda m: m.minisign.read_secret(data, "it", None).public.text

    yield "a good secret key", opened(secret)
    for place, byte in ((0, b"x"), (2, b"x"), (4, b"x"), (60, b"x"), (100, b"x")):
        odd = recoded(body, lambda b, p=place, x=byte: b[:p] + x + b[p + 1 :])  # type: ignore[misc]
        yield f"secret key changed at {place}", opened(f"{first}\n{odd}\n".encode())
    sealed_key = recoded(body, lambda b: b[:2] + b"Sc" + b[4:])
    yield "a secret key without its passphrase", opened(f"{first}\n{sealed_key}\n".encode())
    for limits in ((1 << 62, 1 << 20), (1 << 15, 1 << 62)):
        greedy = recoded(
            body,
            lambda b, n=limits: (
                b[:2]  # type: ignore[misc]
                + b"Sc"
                + b[4:38]
                + n[0].to_bytes(8, "little")
                + n[1].to_bytes(8, "little")
                + b[54:]
            ),
        )
        yield (
            f"a greedy key {limits}",
            lambda m, g=greedy: (
                m.minisign.read_secret(  # type: ignore[misc]
                    f"{first}\n{g}\n".encode(), "it", Secret(b"p")
                ).public.text
            ),
        )
    pair = base64.b64decode(body)[62:126]
    checksum = hashlib.blake2b(b"Ed" + key.number + pair, digest_size=32).digest()
    passphrase = Secret(b"right")
    cheap = recoded(
        body,
        lambda b: b[:2] + b"Sc" + b[4:38] + (32768).to_bytes(8, "little") * 2 + b[54:],
    )
    salt = base64.b64decode(body)[6:38]
    locked = recoded(
        cheap,
        lambda b: (
            b[:54]
            + minisign._crypt(b[54:62] + b[62:126] + checksum, passphrase, salt, 32768, 32768)
        ),
    )
    yield (
        "a good encrypted key",
        lambda m: (
            m.minisign.read_secret(f"{first}\n{locked}\n".encode(), "it", passphrase).public.text
        ),
    )
    yield (
        "a wrong passphrase",
        lambda m: (
            m.minisign.read_secret(f"{first}\n{cheap}\n".encode(), "it", Secret(b"p")).public.text
        ),
    )
    for data in (b"", b"\xff", b"one line", f"{first}\nx\n".encode()):
        yield f"secret key {data[:9]!r}", opened(data)
    yield (
        "a comment of two lines",
        lambda m: len(m.minisign.SecretKey(b"12345678", Secret(b"s" * 32)).sign(b"x", "a\nb")),
    )
