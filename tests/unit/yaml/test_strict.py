"""Strict YAML: what is read, what is refused and where."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeboot.errors import BadInput
from edgeboot.yaml import parser, wording
from edgeboot.yaml.parser import parse
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping


def reader(text: str, *known: str) -> Reader:
    top = parse(text, "f")
    return reader_of(top, known or tuple(top), "the file")


def test_scalars_stay_what_they_are() -> None:
    text = "a: no\nb: 0755\nc: 1.10\nd: 12:30\ne: 0x1F\nf: 1_000\ng: 2024-01-01\nh: True\n"
    whole = reader(text)
    assert [whole.text(key) for key in "abcdefgh"] == [
        "no", "0755", "1.10", "12:30", "0x1F", "1_000", "2024-01-01", "True",
    ]  # fmt: skip
    assert reader("a: -7").integer("a") == -7
    assert reader("a: true").boolean("a") is True
    assert reader('a: "true"').text("a") == "true"


def test_defaults() -> None:
    empty = reader("x: 1", "x", "a")
    assert empty.text("a", None) is None
    assert empty.text("a", "b") == "b"
    assert empty.literal("a", None) is None
    assert empty.integer("a", 5) == 5
    assert empty.boolean("a", False) is False
    assert empty.texts("a") == ()
    assert empty.mappings("a") == ()
    assert list(empty.mapping("a")) == []
    assert empty.scalar_map("a") == {}
    assert not empty.has("a")


def test_collections() -> None:
    whole = reader("l: [x, y]\nm: {k: v}\nn:\n  - {a: 1}\n  - b: 2\no: {a: 1, b: [c], d: true}")
    assert whole.texts("l") == ("x", "y")
    assert Reader(whole.mapping("m"), "m").text("k") == "v"
    assert [m.where() for m in whole.mappings("n")] == ["f:4", "f:5"]
    assert whole.scalar_map("o") == {"a": 1, "b": ("c",), "d": True}


def test_literal_is_as_written() -> None:
    whole = reader("a: 1.50\nb: 007\nc: true\nd: 5")
    assert [whole.literal(key) for key in "abcd"] == ["1.50", "007", "true", "5"]


def test_over() -> None:
    below = parse("a: {x: 1, y: 1}\nb: [1]\nc: 1", "below")
    above = parse("a: {y: 2}\nb: [2]", "above")
    merged = above.over(below)
    assert Reader(merged, "m").scalar_map("a") == {"x": 1, "y": 2}
    assert (merged.where("b"), merged.where("c"), merged.where()) == (
        "above:2",
        "below:3",
        "above:1",
    )
    assert list(below) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "call", "where", "says", "hint"),
    [
        ("a: 5", lambda r: r.text("a"), "f:1", "not the number 5", '"5"'),
        ("a: [x]", lambda r: r.text("a"), "f:1", "not a list", ""),
        ("a: x", lambda r: r.integer("a"), "f:1", "a whole number", "decimal digits"),
        ("a: 007", lambda r: r.integer("a"), "f:1", "a whole number", "without leading zeros"),
        ("a: true", lambda r: r.integer("a"), "f:1", "not true", ""),
        ("a: 1", lambda r: r.boolean("a"), "f:1", "must be true or false", ""),
        ("a: on", lambda r: r.boolean("a"), "f:1", "not the text 'on'", "write true"),
        ("a: Off", lambda r: r.boolean("a"), "f:1", "not the text 'Off'", "write false"),
        ("b: 1\na:", lambda r: r.text("a"), "f:2", "'a' of the file has no value", "indent"),
        ("a: x", lambda r: r.texts("a"), "f:1", "a list of texts", "[x]"),
        ("a:\n  - x\n  - 5", lambda r: r.texts("a"), "f:3", "not the number 5", '"5"'),
        ("a:\n  -", lambda r: r.texts("a"), "f:2", "not nothing", ""),
        ("a: x", lambda r: r.mapping("a"), "f:1", "must be a mapping", "key: value"),
        ("a: {b: c}", lambda r: r.mappings("a"), "f:1", "a list of mappings", "'- '"),
        ("a:\n  - b", lambda r: r.mappings("a"), "f:2", "not the text 'b'", "key: value"),
        ("a: {b: {}}", lambda r: r.scalar_map("a"), "f:1", "not a mapping", ""),
        ("b: 1", lambda r: r.text("a"), "f:1", "the file has no 'a'", "add a line"),
    ],
)
def test_wrong_type(text: str, call: Any, where: str, says: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        call(reader(text, "a", "b"))
    assert caught.value.where == where
    assert says in caught.value.what
    assert hint in (caught.value.hint or "")


def test_unknown_key() -> None:
    with pytest.raises(BadInput) as caught:
        reader_of(parse("name: a\nadress: b", "f"), ("name", "address"), "a node")
    assert str(caught.value) == (
        "f:2: unknown key 'adress' in a node\n  next: did you mean 'address'?"
    )


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("", "f", "is empty"),
        ("# only a comment\n", "f", "is empty"),
        ("a", "f:1", "the top of the file must be a mapping"),
        ('a: "\\UFFFFFFFF"', "f", "invalid character or YAML version"),
        ('a: "\\uD800"', "f:1", "half a character"),
        ("b: 1\na: \x01", "f:2", "control character"),
        ("? [a]\n: b", "f:1", "invalid key"),
        ("?\n: b", "f:1", "invalid key"),
        ("a: &x b", "f:1", "anchors and aliases"),
        ("&x a: b", "f:1", "anchors and aliases"),
        ("a: !!str b", "f:1", "tags"),
        ("%YAML 9.0\n---\na: b", "f:1", "invalid YAML"),
        ("a: 'b'\n'a': c", "f:2", "duplicate key 'a'"),
        ("a: [" + "[" * 100, "f:1", "nested deeper"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 100)), "f:64", "nested deeper"),
    ],
)
def test_refused(text: str, where: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text, "f")
    assert caught.value.where == where
    assert says in caught.value.what


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xef\xbb\xbfa: b\r\nc: d\r\n")
    assert parser.load(path).where("c") == f"{path}:2"
    path.write_bytes(b"a: b\nc: \xff\n")
    with pytest.raises(BadInput, match="not UTF-8") as caught:
        parser.load(path)
    assert caught.value.where == f"{path}:2"
    path.write_bytes(b"#" * (parser.MAX_BYTES + 1))
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        parser.load(path)
    with pytest.raises(BadInput, match="is a directory"):
        parser.load(tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        parser.load(tmp_path / "none")
    with pytest.raises(BadInput, match="cannot read the file"):
        parser.load(path / "below-a-file")


def test_messages_do_not_drive_the_terminal() -> None:
    with pytest.raises(BadInput) as caught:
        reader_of(parse('"\\e[31m": 1', "f"), ("a",), "the file")
    assert "\x1b" not in str(caught.value)
    assert len(wording.quoted("x" * 10_000)) < 100


# A key of more than 1024 characters as it is written, escapes included, is none in YAML.
# JSON is YAML but for characters beyond 16 bits, which Python's writes as two escapes, and for keys
# of a thousand characters.
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=40)
PLAIN = TEXT | st.integers(-(10**17), 10**17) | st.booleans()


@given(st.dictionaries(TEXT.filter(bool), PLAIN | st.lists(TEXT).map(tuple)))
def test_json_round_trip(document: dict[str, Any]) -> None:
    inner = Reader(parse(json.dumps({"top": document}), "f"), "f")
    assert inner.scalar_map("top") == document


@given(st.text(st.sampled_from("ab:-[]{}\n\t #&*!|>'\"%@`,?\\x0\r")))
@settings(max_examples=300)
def test_any_text_is_a_mapping_or_bad_input(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(parse(text, "f"), Mapping)
