"""Quoting as text; what real shells make of it is tested over SSH."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot import shell
from edgeboot.errors import StepFailed
from edgeboot.transport.base import Argv, Snippet
from edgeboot.transport.ssh.quoting import MAX_LINE, Frame, quote, words_of


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("", "''"),
        ("a b", "'a b'"),
        ("a\\b", r"'a'\\'b'"),
        ("it's", r"'it'\''s'"),
        ("\\'", r"\\\'"),
        ("$x\n`y`", "'$x\n`y`'"),
    ],
)
def test_backslashes_and_quotes_stand_outside(word: str, quoted: str) -> None:
    assert quote(word) == quoted


@given(st.lists(st.text()))
def test_a_posix_shell_reads_back_the_same_words(words: list[str]) -> None:
    assert shlex.split(" ".join(map(quote, words))) == words


def test_looking_for_sudo_does_not_need_a_writable_dev_null() -> None:
    assert b"/dev/null" not in Frame(Argv(("true",))).line


def test_a_snippet_gets_its_name_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "text", lambda name: f"text of {name}")
    assert words_of(Snippet("put", ("a", "b"))) == (
        "/bin/sh",
        "-c",
        "text of put",
        "put",
        "a",
        "b",
    )
    assert words_of(Argv(("ls", "-l"))) == ("ls", "-l")


def test_output_begins_after_the_marker() -> None:
    frame = Frame(Argv(("true",)))
    assert frame.body(b"noise" + frame.marker + b"out\n") == b"out\n"
    assert frame.body(b"noise only") is None
    assert frame.marker.strip() not in frame.line


def test_limits_of_a_command_line() -> None:
    with pytest.raises(StepFailed, match="NUL"):
        Frame(Argv(("a\0",)))
    with pytest.raises(StepFailed, match=str(MAX_LINE)):
        Frame(Argv(("a" * MAX_LINE,)))


def test_packaged_snippets_can_be_read_and_an_unknown_one_not() -> None:
    with pytest.raises(FileNotFoundError):
        shell.text("no-such-snippet")
