"""Secrets as a type, masked wherever it is printed; and masking those in other people's words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SECRETS = (
    re.compile(r"K10[0-9a-f]{64}(::\S*)?"),  # a full token
    re.compile(r"\b[0-9a-f]{32}\b"),  # its short form
    re.compile(r"(?<=://)[^\s/@]+:[^\s/@]+(?=@)"),
    re.compile(r"(?i)(?<=password[=:])\s*\S+|(?<=token[=:])\s*\S+|(?<=secret[=:])\s*\S+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
)


def redacted(text: str) -> str:
    """What a host or a service said, without what looks like a token, a password or a key."""
    for pattern in _SECRETS:
        text = pattern.sub("<secret>", text)
    return text


@dataclass(frozen=True)
class Secret:
    """Bytes that are never shown; they reach a host on standard input, into a 0600 file."""

    value: bytes = field(repr=False)

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, _spec: str) -> str:
        return "<secret>"
