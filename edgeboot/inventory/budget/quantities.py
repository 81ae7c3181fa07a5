"""Amounts as people write them: ``512MiB``, ``1.5G``, ``500m``.

The suffixes are Kubernetes' (``Ki Mi Gi Ti``, ``k M G T``; Kubernetes: "Quantity"), and the same
with the ``B`` that people add. Kubernetes also knows ``m`` for memory, thousandths of a byte: it
is always a mistake and refused here.
"""

from __future__ import annotations

import re
from decimal import Decimal

_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_NUMBER = r"(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,9})?"
BYTES_PATTERN = rf"^({_NUMBER})([kMGT]|[KMGT]i)?B?$"
CPU_PATTERN = rf"^({_NUMBER})(m?)$"
PERCENT_PATTERN = rf"^({_NUMBER})%?$"
SECONDS_PATTERN = rf"^({_NUMBER})(ms|s|m)?$"
RATE_PATTERN = BYTES_PATTERN.replace("B?$", "B?(?:/s)?$")
COUNT_PATTERN = r"^[1-9][0-9]{0,15}$"
_BYTES = re.compile(BYTES_PATTERN)
_CPU = re.compile(CPU_PATTERN)


def parse_bytes(text: str) -> int:
    """Bytes; ValueError says what is wrong."""
    found = _BYTES.fullmatch(text)
    if not found:
        if text.endswith("m"):
            raise ValueError(f"did you mean {text[:-1]}Mi? m is a thousandth")
        raise ValueError("use for example 512MiB, 1.5GiB or 512M")
    return _whole(Decimal(found[1]) * _FACTORS[found[2] or ""], "a byte")


def parse_cpu(text: str) -> int:
    """Thousandths of a core; ValueError says what is wrong."""
    found = _CPU.fullmatch(text)
    if not found:
        raise ValueError("use for example 500m or 0.5 for half a core")
    return _whole(Decimal(found[1]) * (1 if found[2] else 1000), "a thousandth of a core")


def parse_percent(text: str) -> int:
    """Hundredths of a per cent; ValueError says what is wrong."""
    found = re.fullmatch(PERCENT_PATTERN, text)
    if not found or Decimal(found[1]) > 100:
        raise ValueError("use for example 5% or 0.5%")
    return _whole(Decimal(found[1]) * 100, "a hundredth of a per cent")


def parse_seconds(text: str) -> int:
    """Milliseconds; ValueError says what is wrong."""
    found = re.fullmatch(SECONDS_PATTERN, text)
    if not found:
        raise ValueError("use for example 30s, 500ms or 2m")
    factor = {"ms": 1, "m": 60_000}.get(found[2], 1000)
    return _whole(Decimal(found[1]) * factor, "a millisecond")


def parse_count(text: str) -> int:
    """A whole number; ValueError says what is wrong."""
    if not re.fullmatch(COUNT_PATTERN, text):
        raise ValueError("use a whole number, for example 4096")
    return int(text)


def format_bytes(number: int) -> str:
    """Bytes in the largest binary unit that says them exactly."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if number and number % _FACTORS[suffix] == 0:
            return f"{number // _FACTORS[suffix]}{suffix}B"
    return str(number)


def format_cpu(millis: int) -> str:
    """Thousandths of a core, whole cores as such."""
    return f"{millis}m" if millis % 1000 else str(millis // 1000)


def _whole(amount: Decimal, unit: str) -> int:
    if amount < 1:
        raise ValueError(f"use at least {unit}")
    return int(amount)
