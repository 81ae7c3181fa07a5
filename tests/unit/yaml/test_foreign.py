"""Other programs' YAML: what is read, and what is beyond the bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgeboot.yaml import foreign, verbatim

FOREIGN = (foreign.parse, foreign.parse_all, foreign.parse_texts, foreign.parse_all_texts)
READERS = (*FOREIGN, verbatim.parse)
BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)
)


def test_what_is_read() -> None:
    assert foreign.parse(b"a: 1.10\nb: &x [yes]\nc: *x\n") == {"a": 1.1, "b": [True], "c": [True]}
    assert foreign.parse_texts(b"a: 1.10\nb: yes\n") == {"a": "1.10", "b": "yes"}
    assert foreign.parse_all(b"a: 1\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]
    assert foreign.parse(b"") is None


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "data",
    [b"a: [", b"\x00", b"a: \xff\xfe", b"[" * 100_000, b"- " * 5_000 + b"x", b"a: &a [*a]\n"],
    ids=["unclosed", "nul", "not UTF-8", "brackets", "dashes", "a list in itself"],
)
def test_what_is_refused(read: Callable[[bytes], object], data: bytes) -> None:
    if read is verbatim.parse and data.startswith(b"a: &a"):
        assert read(data)  # it is written again as the alias it is
        return
    with pytest.raises(ValueError, match=r"\w"):
        read(data)


@pytest.mark.parametrize("read", FOREIGN[:2])
def test_a_bomb_is_refused(read: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="more than 5000000 values"):
        read(BOMB)


@pytest.mark.parametrize("read", READERS)
def test_a_large_file_is_refused(
    read: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "MAX_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        read(b"#" * ((1 << 20) + 1))


def test_dates_beyond_the_calendar_are_no_crash() -> None:
    assert foreign.parse(b"a: 2024-99-99\n") == {"a": "2024-99-99"}
