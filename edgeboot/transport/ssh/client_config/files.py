"""SSH configuration files as lines of words, ``Include`` followed (ssh_config(5))."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.localio import bounded
from edgeboot.localio.directories import expanded

_INCLUDE_DEPTH = 16
_MOST = 1 << 20  # bytes
_KEYWORD = re.compile(r'\s*"?([A-Za-z]\w*)"?(?:\s*=\s*|\s+|$)(.*)')
_PART = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.?|[^\s"'\\]""")
_WORD = re.compile(rf"[ \t]*(?:(?P<comment>#.*)|(?P<word>(?:{_PART.pattern})+))")
# The whole rest of the line is one value, which a shell reads.
_COMMANDS = frozenset({"proxycommand", "localcommand", "remotecommand", "knownhostscommand"})


@dataclass(frozen=True)
class Line:
    """A keyword in lower case, its values, and the file and line it stands in.

    ``included`` are the lines of the files that an ``Include`` names.
    """

    keyword: str
    words: tuple[str, ...]
    where: str
    included: tuple[tuple[Line, ...], ...] = ()


def read(path: Path) -> tuple[Line, ...]:
    """The lines of a file; none if there is no such file. Raises ``BadInput``."""
    return tuple(_lines(path, path.parent, 0)) if path.exists() else ()


def names(lines: tuple[Line, ...]) -> Iterator[str]:
    """The hosts that ``Host`` names, patterns left out, as often as they are named."""
    for line in lines:
        if line.keyword == "host":
            yield from (word for word in line.words if not set(word) & set("*?!"))
        for included in line.included:
            yield from names(included)


def runs_programs(lines: tuple[Line, ...]) -> bool:
    """Whether ssh would run a program to evaluate the file: ``Match exec``."""
    return any(
        (line.keyword == "match" and "exec" in " ".join(line.words).lower())
        or any(runs_programs(included) for included in line.included)
        for line in lines
    )


def _lines(path: Path, home: Path, depth: int) -> Iterator[Line]:
    if depth > _INCLUDE_DEPTH:
        raise BadInput(
            "cannot read the SSH configuration: Include is nested too deeply",
            where=str(path),
            hint="remove the Include that names its own file",
        )
    for number, text in enumerate(_text(path).splitlines(), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        yield _line(text, f"{path}:{number}", home, depth)


def _line(text: str, where: str, home: Path, depth: int) -> Line:
    found = _KEYWORD.fullmatch(text)
    keyword = found[1].lower() if found else ""
    rest = found[2] if found else ""
    words = (rest.strip(),) if keyword in _COMMANDS and rest.strip() else tuple(split(rest, where))
    if not words:
        raise BadInput(
            "cannot read the SSH configuration: a keyword and a value are needed",
            where=where,
            hint="write `Keyword value`, or put '#' before the line",
        )
    included: tuple[tuple[Line, ...], ...] = ()
    if keyword == "include":
        files = (file for word in words for file in _glob(word, home))
        included = tuple(tuple(_lines(file, home, depth + 1)) for file in files)
    return Line(keyword, words, where, included)


def split(text: str, where: str) -> Iterator[str]:
    """Words as OpenSSH splits them: quotes group, a word that starts with ``#`` ends the line."""
    at, rest = 0, text.rstrip()
    while at < len(rest):
        found = _WORD.match(rest, at)
        if not found:
            raise BadInput(
                "cannot read the SSH configuration: a quote is not closed",
                where=where,
                hint="close it, or remove it",
            )
        if found["comment"]:
            return
        at = found.end()
        yield _PART.sub(_unquoted, found["word"])


def _unquoted(part: re.Match[str]) -> str:
    text = part[0]
    if text[0] in "\"'":
        return re.sub(r"\\([\"'\\])", r"\1", text[1:-1])
    return text[1:] if text[0] == "\\" and text[1:] in {'"', "'", "\\", " "} else text


def _text(path: Path) -> str:
    try:
        with bounded.opened(path) as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise ValueError(f"larger than {_MOST >> 20} MiB")
        text = data.decode()
        if "\0" in text:
            raise ValueError("not a text")
        return text
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"cannot read the SSH configuration: {reason}",
            where=str(path),
            hint="check that it is a text file that you may read",
        ) from error


def _glob(pattern: str, home: Path) -> list[Path]:
    found = glob.glob(str(home / expanded(pattern)))
    return sorted(path for path in map(Path, found) if path.is_file())
