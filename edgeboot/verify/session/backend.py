"""edgeboot's Transport as a testinfra backend: checks use the connection that is already open.

testinfra's own paramiko backend only warns about unknown host keys, and opens another connection.
"""

from __future__ import annotations

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from edgeboot.transport.base import Argv, Transport

COMMAND_DEADLINE = 300.0


class TransportBackend(BaseBackend):  # type: ignore[misc]  # testinfra is not typed
    """Runs testinfra's commands as root through a Transport."""

    NAME = "edgeboot"

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport.node)
        self._transport = transport

    def run(self, command: str, *args: str, **_kwargs: Any) -> CommandResult:
        """Runs one command line, with testinfra's own quoting of ``args``."""
        line = self.quote(command, *args)
        result = self._transport.run(Argv(("sh", "-c", line)), deadline=COMMAND_DEADLINE)
        return self.result(result.exit_code, line, result.stdout, result.stderr)


def host_of(transport: Transport) -> Host:
    """A testinfra host over a transport."""
    return Host(TransportBackend(transport))
