"""A certificate and its private key: both or neither are named, and they fit."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory.files import TextFile
from edgeboot.inventory.secrets import SecretRef
from edgeboot.yaml.section import Key, Rule, Values
from edgeboot.yaml.wording import quoted


def fits(cert: Key[Any], key: Key[Any]) -> Rule:
    """The rule for a certificate's key and the key of its private key."""

    def rule(values: Values) -> Iterator[BadInput]:
        if not values.has(cert) and not values.has(key):
            return
        if not (values.has(cert) and values.has(key)):
            there, missing = (cert, key) if values.has(cert) else (key, cert)
            if not missing.required:
                what = f"'{there.name}' without '{missing.name}'"
                yield values.error(there, what, f"add '{missing.name}'")
            return
        if not _belong(values[cert], values[key]):
            what = f"{quoted(str(values[key]))} is not the key of this certificate"
            hint = "name the key of the first certificate, in PEM, without a passphrase"
            yield values.error(key, what, hint)

    return rule


def _belong(certificate: TextFile, key: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.path, key, password="")
    except (ssl.SSLError, OSError):
        return False
    return True


def reference(values: Values, key: Key[Path | None]) -> SecretRef | None:
    """Where the private key is, if it is named."""
    path = values[key]
    return None if path is None else SecretRef(path, None, values.where(key))
