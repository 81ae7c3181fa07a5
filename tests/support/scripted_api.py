"""A host whose API answers as a test says, over TLS in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from edgeboot.kube.connect import KUBECONFIG
from edgeboot.transport.base import Argv, Channel, Command, NoChannel, Result, Snippet
from edgeboot.transport.fake.host import FakeCluster, FakeHost
from edgeboot.transport.fake.tls import FakeChannel, kubeconfig

Reply = tuple[int, Any]
Script = dict[tuple[str, str], Reply | Iterator[Reply]]


class ScriptedHost(FakeHost):
    """``script`` has a reply, or one after the other, by method and path without the query.

    What it does not name is not found. ``asked`` has every request, ``noted`` the journal.
    """

    def __init__(self, script: Script, texts: dict[str, str] | None = None) -> None:
        super().__init__("server-1", FakeCluster("v1.36.2+k3s1", {}))
        self.script = script
        self.texts = texts or {}
        self.asked: list[tuple[str, str, Any]] = []
        self.noted: list[tuple[str, ...]] = []
        self.opened: Callable[[], Channel | NoChannel] = lambda: FakeChannel(self.reply)

    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, target, json.loads(body) if body else None))
        found = self.script.get((method, target.partition("?")[0]), missing(target))
        status, document = found if isinstance(found, tuple) else next(found)
        return status, document if isinstance(document, bytes) else json.dumps(document).encode()

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        del host, port, deadline
        return self.opened()

    def run(self, command: Command, *, stdin: object = None, deadline: float) -> Result:
        del stdin, deadline
        if isinstance(command, Snippet):
            assert command.name == "note"
            self.noted.append(command.parameters)
            return Result(0, "", "")
        return self._read_file(command)

    def _read_file(self, command: Argv) -> Result:
        if command.words == ("cat", KUBECONFIG):
            return Result(0, kubeconfig(6443).decode(), "")
        text = self.texts.get(command.words[-1])
        if text is None:
            return Result(1, "", "No such file or directory")
        return Result(0, "1700000000\n" if command.words[0] == "stat" else text, "")

    def changes(self) -> list[tuple[str, str]]:
        """The requests that change something."""
        return [(method, target) for method, target, _ in self.asked if method != "GET"]


def missing(target: str) -> Reply:
    """What Kubernetes answers about what is not there."""
    return 404, {"kind": "Status", "message": f"{target} not found"}
