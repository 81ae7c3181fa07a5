"""What the sections of ``cluster`` share: checks of texts, and pieces of the JSON Schema."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from edgeboot.inventory.secrets import existing_file
from edgeboot.yaml.reader import Reader, Scalar
from edgeboot.yaml.wording import nearest, quoted

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
BOOLEAN: dict[str, Any] = {"type": "boolean"}
PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
Check = Callable[[str], str]


def described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A schema with a sentence about it."""
    return {**schema, "description": description}


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def checked(reader: Reader, key: str, text: str, check: Check) -> str:
    """The text as ``check`` spells it, or the error about this key."""
    try:
        return check(text)
    except ValueError as error:
        what = f"{quoted(text)} cannot be '{key}' of {reader.what}"
        raise reader.error(key, what, str(error)) from None


def one_of(reader: Reader, key: str, choices: Collection[str], default: str) -> str:
    """One of some words."""
    text = reader.text(key, default)
    if text in choices:
        return text
    near = nearest(text, choices)
    hint = f"did you mean '{near}'?" if near else f"one of {', '.join(choices)}"
    raise reader.error(key, f"{quoted(text)} is no value of '{key}' of {reader.what}", hint)


def in_range(reader: Reader, key: str, least: int, most: int) -> int | None:
    """A whole number between two bounds, None where none was written."""
    number = reader.integer(key, None)
    if number is None or least <= number <= most:
        return number
    what = f"{number} cannot be '{key}' of {reader.what}"
    raise reader.error(key, what, f"write a number from {least} to {most}")


def is_flag(reader: Reader, key: str) -> bool:
    """Whether a key that may be a mapping is just true or false."""
    value = reader.value(key)
    return isinstance(value, Scalar) and isinstance(value.value, bool)


def text_file(reader: Reader, key: str, base: Path) -> str | None:
    """What a text file of the operator's says; None where none is named."""
    if not reader.has(key):
        return None
    path = existing_file(reader, key, base)
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise reader.error(key, f"{quoted(str(path))} is not UTF-8 text") from None


def certificate(reader: Reader, key: str, base: Path) -> str | None:
    """A PEM file with at least one certificate."""
    text = text_file(reader, key, base)
    if text is not None and "-----BEGIN CERTIFICATE-----" not in text:
        hint = "give it in PEM; `openssl x509 -inform der` turns DER into PEM"
        raise reader.error(key, "there is no certificate in it", hint)
    return text


def ip_or_port(text: str) -> str:
    """An IP address, with a port where another than the usual one is meant."""
    host, colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    bracketed = text.startswith("[") and "]:" in text
    if bracketed:
        host, _, port = text[1:].partition("]:")
    try:
        address = str(ipaddress.ip_address(host.strip("[]")))
        if (colon or bracketed) and not 1 <= int(port) <= 65535:
            raise ValueError
    except ValueError:
        raise ValueError("write an IP address, with :PORT behind it if need be") from None
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
