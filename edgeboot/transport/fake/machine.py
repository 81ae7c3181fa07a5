"""What a fake host is: files, services, unfinished uploads, and what K3s has written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edgeboot.transport.fake.board import FakeBoard
from edgeboot.transport.fake.cluster import FakeCluster


@dataclass
class FakeFile:
    """A file on a fake host."""

    mode: int
    data: bytes = b""
    directory: bool = False


class FakeMachine:
    """A host without the connection to it."""

    def __init__(self, node: str, cluster: FakeCluster, machine: str) -> None:
        self.node = node
        self.cluster = cluster
        self.machine = machine
        self.files: dict[str, FakeFile] = {}
        self.units: dict[str, str] = {}
        self.started_with: dict[str, str] = {}
        self.owned: set[str] = set()
        self.starts = 0
        self.locked = False
        self.board = FakeBoard(node, hashlib.sha256(node.encode()).hexdigest()[:32])
        self.parts: dict[str, bytes] = {}
        self.received = 0  # bytes of uploads
        self.runs_as = ""  # the name of its Node
        self.server_token: bytes | None = None  # what K3s has written into its data directory

    def contents(self) -> dict[str, bytes]:
        """Its files by path."""
        return {path: file.data for path, file in self.files.items()}
