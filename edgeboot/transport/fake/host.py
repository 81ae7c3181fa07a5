"""The connection to a fake host: a Transport whose link can be cut at any operation."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edgeboot.blob import Source
from edgeboot.errors import Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import (
    Channel,
    Command,
    Held,
    NoChannel,
    Progress,
    Result,
    Snippet,
)
from edgeboot.transport.fake.api import FakeApi
from edgeboot.transport.fake.cluster import FakeCluster
from edgeboot.transport.fake.machine import FakeFile
from edgeboot.transport.fake.shell import FakeShell
from edgeboot.transport.fake.tls import API_PORT, FakeChannel

__all__ = ("FakeCluster", "FakeFile", "FakeHeld", "FakeHost", "Fault")


@dataclass
class Fault:
    """Cuts the link at operation ``at`` (counted from 0), after it was carried out or before.

    ``share`` of an upload's bytes arrives before an upload is cut off.
    """

    at: int
    after: bool = True
    share: float = 0.0


class FakeHeld:
    """The lock of a fake host."""

    def __init__(self, host: FakeHost, output: str) -> None:
        self._host = host
        self.output = output

    @property
    def alive(self) -> bool:
        """Whether the lock is held."""
        return self._host.locked

    def release(self) -> None:
        """Gives the lock back."""
        self._host.locked = False


class FakeHost(FakeShell):
    """A host in memory. ``operations`` counts what was asked of it since it was made."""

    def __init__(
        self,
        node: str,
        cluster: FakeCluster,
        *,
        machine: str = "x86_64",
        fault: Fault | None = None,
    ) -> None:
        super().__init__(node, cluster, machine)
        self.fault = fault
        self.operations = 0
        self.channels = 0
        self.locked_by = ""
        self.connections = 1
        self._door = threading.Lock()

    @property
    def execs(self) -> int:
        """How many of the operations started something on the host."""
        return self.operations - self.channels

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        """Carries out a snippet; see ``Transport.run``."""
        del stdin, deadline
        return self._operation(command, None)

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        """Carries out ``put``; see ``Transport.put``."""
        del stall
        progress(source.size)
        return self._operation(command, b"".join(source.open()))

    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        """Takes the lock and observes; see ``Transport.hold``."""
        del ready, deadline
        run = command.parameters[0].partition(":")[2]
        with self._door:
            if self.locked and self.locked_by != run:
                return Result(75, "locked-by another operator\n", "")
            self.locked, self.locked_by = True, run
        result = self._operation(command, None)
        return FakeHeld(self, result.stdout)

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        """To the API on a server of the cluster; see ``Transport.open_channel``."""
        del deadline
        self.channels += 1
        if self._count():
            raise Unreachable("the link was cut", where=self.node)
        own = host == "127.0.0.1"
        there = self.units.get("k3s") == "active" if own else self.cluster.password is not None
        if port != API_PORT or not there:
            return NoChannel("Connection refused")
        return FakeChannel(FakeApi(self.runs_as or self.node, self.cluster, self.contents).answer)

    def reconnect(self) -> None:
        """Always works; see ``Transport.reconnect``."""
        self.connections += 1

    def close(self) -> None:
        """Ends the connection, and with it the lock."""
        self.locked = False

    def _count(self) -> bool:
        """Counts an operation; whether the link is cut at it."""
        number, self.operations = self.operations, self.operations + 1
        return self.fault is not None and self.fault.at == number

    def _operation(self, command: Command, data: bytes | None) -> Result:
        cut = self._count()
        if cut and self.fault and not self.fault.after:
            if isinstance(command, Snippet) and data and len(command.parameters) == 5:
                self.collect(command.parameters, data[: int(len(data) * self.fault.share)])
            raise Unreachable("the link was cut", where=self.node)
        result = self.carry_out(command, data)
        if cut:
            raise Unreachable("the link was cut", where=self.node)
        return result
