"""The snippets sent to hosts: packaged POSIX shell files that take positional parameters only.

They lie in folders by what they do: ``look`` reads, ``host`` changes the host below K3s, ``k3s``
and ``kubernetes`` change those, ``common`` has functions only. Names are unique across folders.

A snippet that says ``# uses: NAME…`` on a line of its own is sent with the functions of those files
before it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_FOLDERS = ("look", "host", "k3s", "kubernetes", "common")
_USES = re.compile(r"^# uses: (.+)$", re.MULTILINE)


def text(name: str) -> str:
    """The text of ``NAME.sh`` with what it uses; an unknown name raises ``FileNotFoundError``."""
    own = _read(name)
    used = [word for line in _USES.findall(own) for word in line.split()]
    return "".join([*map(_read, used), own])


@cache
def _read(name: str) -> str:
    for folder in _FOLDERS:
        file = files(__name__) / folder / f"{name}.sh"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise FileNotFoundError(f"no snippet {name}.sh")
