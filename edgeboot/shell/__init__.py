"""The snippets sent to hosts: packaged POSIX shell files that take positional parameters only.

A snippet that says ``# uses: NAME…`` on a line of its own is sent with the functions of those files
before it.
"""

from __future__ import annotations

import re
from importlib.resources import files

_USES = re.compile(r"^# uses: (.+)$", re.MULTILINE)


def text(name: str) -> str:
    """The text of ``edgeboot/shell/NAME.sh``; an unknown name raises ``FileNotFoundError``."""
    own = _read(name)
    used = [word for line in _USES.findall(own) for word in line.split()]
    return "".join([*map(_read, used), own])


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.sh").read_text(encoding="utf-8")
