"""When certificates expire."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from edgeboot.errors import NotMeasured


@dataclass(frozen=True)
class Certificate:
    """A certificate on a host; ``not_after`` in seconds since 1970."""

    path: str
    not_after: float


def parse_certificates(text: str) -> tuple[Certificate, ...]:
    """All certificates in lines ``file PATH``, each followed by PEM text (several: a chain)."""
    found: list[Certificate] = []
    path, block = "", ""
    for line in text.splitlines():
        if line.startswith("file "):
            path = line.removeprefix("file ")
        elif line.startswith("-----BEGIN"):
            block = line + "\n"
        elif block:
            block += line + "\n"
            if line.startswith("-----END"):
                found.append(_certificate(path, block))
                block = ""
    return tuple(found)


def _certificate(path: str, pem: str) -> Certificate:
    try:
        parsed = x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, x509.InvalidVersion) as error:
        raise NotMeasured(f"cannot parse the certificate in {path}") from error
    return Certificate(path, parsed.not_valid_after_utc.timestamp())
