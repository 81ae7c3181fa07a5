"""Output in sections, as snippets print it: ``== NAME EXIT-CODE``, then the command's output."""

from __future__ import annotations

from edgeboot.answer import is_number


def sections_of(output: str) -> dict[str, tuple[int, str]]:
    """Exit code and text by name; an exit code that is not a number counts as 1."""
    sections: dict[str, tuple[int, str]] = {}
    for part in ("\n" + output).split("\n== ")[1:]:
        head, _, body = part.partition("\n")
        name, _, code = head.partition(" ")
        sections[name] = (int(code) if is_number(code) else 1, body)
    return sections
