"""What users read is plain English: no message has the phrases of a word-by-word translation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.messages import Message, messages, python_texts, shell_texts

EVERY = messages()


@pytest.mark.parametrize("room", sorted({message.room for message in EVERY}))
def test_a_rooms_messages_are_idiomatic(room: str) -> None:
    foreign = [f"{m}   <- {m.foreign!r}" for m in EVERY if m.room == room and m.foreign]
    assert not foreign, "\n".join(["", *foreign])


def test_texts_are_found_wherever_they_are_given() -> None:
    source = '''
"""A module."""
@group.command("x", help_option=False)
def command(verbose):
    """Do it."""
    log.debug("%s", "why")
    raise BadInput(f"{name} is no port", hint="x" if verbose else "use another")
'''
    assert list(python_texts(source)) == [
        (5, "help", "Do it."),
        (7, "BadInput", "{name} is no port"),
        (7, "hint", "x"),
        (7, "hint", "use another"),
    ]
    script = '# echo "not this" >&2\n[ -d "$a" ] || fail "no such directory"\necho "of it" >&2\n'
    assert list(shell_texts(script)) == [(2, "stderr", "no such directory"), (3, "stderr", "of it")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("70000 is no port", "is no"),
        ("it is no longer a member", None),
        ("it is not as it shall be", "as it shall"),
        ("the fact {one.mend}", None),
        ("mend the cause; it goes on from here", "mend"),
        ("does not go on top of it", None),
        ("multi-user.target.wants/k3s.service", None),
        ("sudo wants a password", "wants"),
        ("there is nobody to ask", "there is nobody"),
        ("they can be had", "be had"),
    ],
)
def test_a_phrase_is_found_in_words_and_not_in_names(text: str, found: str | None) -> None:
    assert Message(Path("edgeboot/x.py"), 1, "text", text).foreign == found


def test_a_message_belongs_to_the_innermost_room() -> None:
    rooms = {
        "edgeboot/cli/bundle/build.py": "cli/bundle",
        "edgeboot/cli/main.py": "cli",
        "edgeboot/bundle/tar/untar.py": "bundle",
        "edgeboot_lab/nspawn/hosts.py": "edgeboot_lab",
        "edgeboot/shell/k3s/clear.sh": "shell/k3s",
    }
    assert {path: Message(Path(path), 1, "text", "").room for path in rooms} == rooms
