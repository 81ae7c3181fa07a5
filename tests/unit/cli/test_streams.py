"""Nothing that others wrote commands the operator's terminal."""

from __future__ import annotations

import io
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.cli.terminal.streams import PlainStream, unguarded
from edgeboot.printable import LONGEST, REPLACEMENT, printable, shortened

HOSTILE = [
    "\x1b]0;title\x07",  # the window's title
    "\x1b]52;c;Y2FuYXJ5\x07",  # the clipboard
    "\x1b]8;;http://canary.example\x1b\\here\x1b]8;;\x1b\\",  # a link
    "\x1b[2J\x1b[1;1H",  # clear the screen
    "\x1b[1A\x1b[2K",  # rewrite the line above
    "\x1b[8m",  # conceal
    "\x1b[?1049h",
    "\x1bc",
    "\x9b2J",  # CSI in one character
    "\x90q\x9c",
    "ok\rerror",  # write over the beginning of the line
    "\x08\x08\x08",
    "user\u202eexe.txt",  # turned around
    "\u2066\u2069",
    "\u200b\u2028\ufeff",
    "\x00",
    "\ud800",
]


def shown(text: str, encoding: str = "utf-8") -> str:
    data = io.BytesIO()
    stream = PlainStream(io.TextIOWrapper(data, encoding=encoding))
    assert stream.write(text) == len(text)
    stream.flush()
    return data.getvalue().decode(encoding)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_obeys_is_replaced(text: str) -> None:
    for said in (shown(f"a {text} b\n"), printable(f"a {text} b\n")):
        assert said.startswith("a ")
        assert said.endswith(" b\n")
        assert REPLACEMENT in said
        assert all(c == "\n" or c.isprintable() for c in said)


@given(st.text())
def test_no_control_character_passes_and_all_others_do(text: str) -> None:
    said = printable(text)
    assert len(said) == len(text)
    for before, after in zip(text, said, strict=True):
        is_control = unicodedata.category(before)[0] == "C" and before not in "\n\t"
        assert after in (before, REPLACEMENT)
        if is_control and unicodedata.category(before) not in {"Cn", "Co"}:
            assert after == REPLACEMENT


def test_colours_pass_and_text_stays() -> None:
    for text in ("plain\n", "\x1b[1;31mred\x1b[0m\n", "\tüber … 日本語\n", ""):
        assert shown(text) == text


def test_a_terminal_without_the_characters_is_no_reason_to_fail() -> None:
    assert shown("wait…\n", "latin-1") == "wait\\u2026\n"


def test_a_live_display_moves_the_cursor() -> None:
    data = io.BytesIO()
    guarded = PlainStream(io.TextIOWrapper(data, encoding="utf-8"))
    live = unguarded(guarded)
    live.write("\x1b[1A")
    live.flush()
    assert data.getvalue() == b"\x1b[1A"
    assert unguarded(live) is live


def test_overlong_lines_are_cut_and_say_so() -> None:
    assert shortened("a\n" + "x" * (LONGEST + 7)) == "a\n" + "x" * LONGEST + "… (7 more characters)"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_the_command_writes_through_it(encoding: str, tmp_path: Path) -> None:
    name = "canary\x1b]0;title\x07\u202e.yml"
    done = subprocess.run(
        [sys.executable, "-m", "edgeboot", "inventory", "check", "-i", name],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": encoding, "HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert b"canary" in done.stderr
    assert not {b"\x1b", b"\x07", "\u202e".encode()} & {
        done.stderr[i : i + n] for i in range(len(done.stderr)) for n in (1, 3)
    }
