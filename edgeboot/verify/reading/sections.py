"""Output in sections, as several snippets print it."""

from __future__ import annotations

from edgeboot.errors import NotMeasured
from edgeboot.plan.sections import sections_of


class Sections:
    """Texts by name; ``text`` raises NotMeasured where a command failed or did not run."""

    def __init__(self, output: str) -> None:
        self._found = sections_of(output)

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def code(self, name: str) -> int | None:
        """The exit code of the section's command; None where there is no such section."""
        return self._found[name][0] if name in self._found else None

    def raw(self, name: str) -> str:
        """The text, even if its command failed; empty where there is none."""
        return self._found.get(name, (0, ""))[1]

    def text(self, name: str) -> str:
        """The text of a section whose command succeeded."""
        if name not in self._found:
            raise NotMeasured(f"the host did not report its {name}")
        code, body = self._found[name]
        if code != 0:
            raise NotMeasured(f"{name}: {last_line(body)}")
        return body


def last_line(body: str) -> str:
    """The last line that is not blank."""
    lines = [line for line in body.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"
