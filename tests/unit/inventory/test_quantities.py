from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.inventory.budget.quantities import format_bytes, format_cpu, parse_bytes, parse_cpu


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("512MiB", 512 * 2**20), ("512Mi", 512 * 2**20), ("1.5GiB", 3 * 2**29),
        ("512M", 512 * 10**6), ("512MB", 512 * 10**6), ("10k", 10_000), ("2Ti", 2**41),
        ("1024", 1024), ("1024B", 1024), ("0.5Ki", 512), ("1G", 10**9),
    ],
)  # fmt: skip
def test_bytes(text: str, number: int) -> None:
    assert parse_bytes(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "512m", "512 MiB", "-1", "+1", "1e3", "0", "0.1", "1,5Gi", "1.Gi", ".5Gi", "512mib",
     "1GiB\n", "\u0661Gi", "9" * 40, "1K", "Gi", "nan", "inf", "0x10", "1_000"],
)  # fmt: skip
def test_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "millis"), [("500m", 500), ("0.5", 500), ("2", 2000), ("1.25", 1250), ("0.001", 1)]
)
def test_cpu(text: str, millis: int) -> None:
    assert parse_cpu(text) == millis


@pytest.mark.parametrize("text", ["", "0", "0.0001", "500M", "half", "-1", "1 m", "1e3"])
def test_no_cpu(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_cpu(text)


@given(st.integers(1, 10**15))
def test_bytes_round_trip(number: int) -> None:
    assert parse_bytes(format_bytes(number)) == number


@given(st.integers(1, 10**9))
def test_cpu_round_trip(millis: int) -> None:
    assert parse_cpu(format_cpu(millis)) == millis


@given(st.text())
def test_nothing_else_is_raised(text: str) -> None:
    for parse in (parse_bytes, parse_cpu):
        with contextlib.suppress(ValueError):
            assert parse(text) > 0
