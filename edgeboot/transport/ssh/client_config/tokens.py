"""Tokens and environment variables in paths (ssh_config(5), TOKENS)."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.client_config.settings import HostConfiguration, Query, Settings

_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)\}")


class Tokens:
    """What the tokens mean for one host."""

    def __init__(self, query: Query, found: Settings) -> None:
        self._node = query.node
        self._meaning = _meaning(query, found)

    def path(self, text: str) -> Path:
        """The path, tokens, variables and ``~`` replaced; raises ``HostConfiguration``."""
        return expanded(_TOKEN.sub(self._replaced, text))

    def _replaced(self, found: re.Match[str]) -> str:
        value = os.environ.get(found[2]) if found[1] is None else self._meaning.get(found[1])
        if value is None:
            raise HostConfiguration(
                f"its SSH configuration uses {found[0]} in a path, which cannot be replaced",
                where=self._node,
                hint="write the path in full, or name the key in the inventory: `ssh: {key: PATH}`",
            )
        return value


def _meaning(query: Query, found: Settings) -> Mapping[str, str]:
    host = socket.gethostname()
    return {
        "%": "%",
        "d": str(expanded("~")),
        "h": found.hostname,
        "i": str(os.getuid()),
        "k": found.host_key_alias or query.host,
        "L": host.partition(".")[0],
        "l": host,
        "n": query.host,
        "p": str(query.port or found.port),
        "r": query.user or found.user,
        "u": getpass.getuser(),
    }
