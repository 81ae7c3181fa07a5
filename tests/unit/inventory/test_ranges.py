from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.inventory.ranges import expand


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("a", ("a",)),
        ("a-[1-3]", ("a-1", "a-2", "a-3")),
        ("a[08-10]b", ("a08b", "a09b", "a10b")),
        ("[0-1]", ("0", "1")),
        ("a[7-7]", ("a7",)),
        ("[2001:db8::1]", ("[2001:db8::1]",)),
        ("2001:db8::[1-2]", ("2001:db8::1", "2001:db8::2")),
        ("a[b-c]", ("a[b-c]",)),
    ],
)
def test_expand(text: str, expanded: tuple[str, ...]) -> None:
    assert expand(text) == expanded


@pytest.mark.parametrize("text", ["a[1-2][1-2]", "a[2-1]", "a[1-1001]"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"range"):
        expand(text)


@given(st.integers(0, 10**6), st.integers(0, 999))
def test_length(first: int, more: int) -> None:
    texts = expand(f"[{first}-{first + more}]")
    assert len(set(texts)) == more + 1
