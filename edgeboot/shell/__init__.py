"""The snippets sent to hosts: packaged POSIX shell files that take positional parameters only."""

from __future__ import annotations

from importlib.resources import files


def text(name: str) -> str:
    """The text of ``edgeboot/shell/NAME.sh``; an unknown name raises ``FileNotFoundError``."""
    return (files(__name__) / f"{name}.sh").read_text(encoding="utf-8")
