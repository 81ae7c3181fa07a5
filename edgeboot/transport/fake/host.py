"""An in-memory host behind the Transport protocol, for tests: ours, and those of library users.

It understands edgeboot's packaged snippets, not shell. A ``FakeCluster`` takes in hosts whose
service was started with the right token, so a whole install runs in milliseconds. Faults: a host
raises ``Unreachable`` at a chosen operation, before or after carrying it out, as a cut link would.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import threading
from dataclasses import dataclass

from edgeboot.blob import Source
from edgeboot.errors import Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import (
    Argv,
    Channel,
    Command,
    Held,
    NoChannel,
    Progress,
    Result,
    Snippet,
)
from edgeboot.transport.fake.api import FakeApi
from edgeboot.transport.fake.board import FakeBoard
from edgeboot.transport.fake.cluster import FakeCluster, full_token, password_of
from edgeboot.transport.fake.tls import FakeChannel

__all__ = ("FakeCluster", "FakeHeld", "FakeHost", "Fault")

_OK = Result(0, "", "")
_TOLD = "/etc/rancher/k3s/edgeboot-token"
_FORMER = "/var/lib/edgeboot/former-server-tokens"
API_PORT = 6443
_ETCD = "/var/lib/rancher/k3s/server/db/etcd/member"


@dataclass
class FakeFile:
    """A file on a fake host."""

    mode: int
    data: bytes = b""
    directory: bool = False


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


class FakeHost:
    """A host in memory. ``operations`` counts what was asked of it since it was made."""

    def __init__(
        self,
        node: str,
        cluster: FakeCluster,
        *,
        machine: str = "x86_64",
        fault: Fault | None = None,
    ) -> None:
        self.node = node
        self.cluster = cluster
        self.machine = machine
        self.fault = fault
        self.files: dict[str, FakeFile] = {}
        self.units: dict[str, str] = {}
        self.started_with: dict[str, str] = {}
        self.owned: set[str] = set()
        self.starts = 0
        self.operations = 0
        self.locked = False
        self.board = FakeBoard(node, hashlib.sha256(node.encode()).hexdigest()[:32])
        self.locked_by = ""
        self.parts: dict[str, bytes] = {}
        self.received = 0  # bytes of uploads
        self.connections = 1
        self.server_token: bytes | None = None  # what K3s has written into its data directory
        self._door = threading.Lock()

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
                return Result(75, "locked-by somebody else\n", "")
            self.locked, self.locked_by = True, run
        result = self._operation(command, None)
        return FakeHeld(self, result.stdout)

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        """To the API on a server of the cluster; see ``Transport.open_channel``."""
        del deadline
        if self._count():
            raise Unreachable("the link was cut", where=self.node)
        own = host == "127.0.0.1"
        there = self.units.get("k3s") == "active" if own else self.cluster.password is not None
        if port != API_PORT or not there:
            return NoChannel("Connection refused")
        return FakeChannel(FakeApi(self.node, self.cluster, self._contents).answer)

    def reconnect(self) -> None:
        """Always works; see ``Transport.reconnect``."""
        self.connections += 1

    def close(self) -> None:
        """Ends the connection, and with it the lock."""
        self.locked = False

    def _contents(self) -> dict[str, bytes]:
        return {path: file.data for path, file in self.files.items()}

    def _count(self) -> bool:
        """Counts an operation; whether the link is cut at it."""
        number, self.operations = self.operations, self.operations + 1
        return self.fault is not None and self.fault.at == number

    def _operation(self, command: Command, data: bytes | None) -> Result:
        cut = self._count()
        if cut and self.fault and not self.fault.after:
            if isinstance(command, Snippet) and data and len(command.parameters) == 5:
                self._collect(command.parameters, data[: int(len(data) * self.fault.share)])
            raise Unreachable("the link was cut", where=self.node)
        result = self._carry_out(command, data)
        if cut:
            raise Unreachable("the link was cut", where=self.node)
        return result

    def _carry_out(self, command: Command, data: bytes | None) -> Result:  # noqa: C901 - a table
        if isinstance(command, Argv):
            return Result(127, "", f"a fake host has no {command.words[0]}")
        words = command.parameters
        match command.name:
            case "observe":
                return Result(0, self._observe(words[2:]), "")
            case "directory":
                self.files[words[0]] = FakeFile(int(words[1], 8), directory=True)
            case "put":
                whole = self._collect(words, data or b"")
                return self._put(words[0], int(words[1], 8), words[2], whole)
            case "remove":
                for path in words:
                    self.files.pop(path, None)
                    self.owned.discard(path)
            case "start":
                self._start(words[0], words[1])
            case "stop":
                self.units.pop(words[0], None)
                self.started_with.pop(words[0], None)
            case "status":
                return Result(0, self._status(words[0], words[1]), "")
            case "mark-node":
                self.cluster.mark(*words)
            case "reach":
                return Result(0 if self.cluster.password else 1, "", "connection refused")
            case "reboot":
                return self._reboot(words[0])
            case name if not self.board.mend(name, words):
                return self._carry_out_reset(name, words)
        return _OK

    def _carry_out_reset(self, name: str, words: tuple[str, ...]) -> Result:
        match name:
            case "survey":
                return Result(0, self._survey(), "")
            case "clear":
                self._clear(words[0], words[1:])
            case "forget":
                for node in words:
                    self.cluster.joined.pop(node, None)
            case "rotate-token":
                return self._rotate(words[0])
            case "await-chart":
                return Result(0 if words[1] in self.files else 1, "", "no such manifest")
            case "withdraw" | "scale":
                self.cluster.asked.append((name, *words))
            case _:
                return Result(127, "", f"a fake host has no snippet {name}")
        return _OK

    def _reboot(self, boot_id: str) -> Result:
        asked = self.board.reboot(boot_id)
        if self.board.boot_id != asked:
            self.locked = False
        return Result(0, asked + "\n", "")

    def _collect(self, words: tuple[str, ...], data: bytes) -> bytes:
        """What has arrived of an upload so far, kept until all of it has."""
        self.received += len(data)
        stage = f"{posixpath.dirname(words[0])}/.edgeboot-{posixpath.basename(words[0])}"
        stage = f"{stage}.{words[2]}.part"
        offset = int(words[4]) if len(words) == 5 else 0
        whole = self.parts.pop(stage, b"")[:offset] + data
        if len(words) == 5 and len(whole) < int(words[3]):
            self.parts[stage] = whole
        return whole

    def _put(self, path: str, mode: int, sha256: str, data: bytes) -> Result:
        made = ("/usr/", "/etc/systemd/", "/var/lib/edgeboot/")  # the last one with the lock
        if posixpath.dirname(path) in self.files or path.startswith(made):
            if hashlib.sha256(data).hexdigest() != sha256:
                return Result(74, "", "what arrived has another sha256")
            self.files[path] = FakeFile(mode, data)
            self.owned.add(path)
            return _OK
        return Result(1, "", f"{posixpath.dirname(path)}: no such directory")

    def _start(self, service: str, inputs: str) -> None:
        self.starts += 1
        self.started_with[service] = inputs
        files = {path: file.data for path, file in self.files.items()}
        joins = self.cluster.start(self.node, service == "k3s", files)
        self.units[service] = "active" if joins else "activating"
        if joins and service == "k3s":
            self.server_token = full_token(password_of(files[_TOLD]))
        if joins and self.cluster.joined[self.node].voter is not None:
            self.files[_ETCD] = FakeFile(0o700, directory=True)

    def _rotate(self, mode: str) -> Result:
        told = password_of(self.files[_TOLD].data)
        made = self.server_token is not None and password_of(self.server_token) != told
        if mode == "finish" and not made:
            return _OK
        if self.units.get("k3s") == "active":
            former = self.files[_FORMER].data.split() if _FORMER in self.files else []
            tries = (self.cluster.rotate(self.node, shown) for shown in (told, *former[-1:]))
            found = next(filter(None, tries), None)
            if found is None:
                return Result(1, "", "401 Unauthorized")
            self.server_token = found
        elif not made or password_of(self.server_token or b"") != self.cluster.password:
            return Result(1, "", "K3s neither starts nor says which token its data have")
        self.files.setdefault(_FORMER, FakeFile(0o600)).data += told + b"\n"
        self.files[_TOLD].data = self.server_token or b""
        return _OK

    def _observe(self, targets: tuple[str, ...]) -> str:
        installed = "/usr/local/bin/k3s" in self.files
        lines = [
            f"trait machine {self.machine}",
            "trait os debian 12",
            "trait init systemd",
            "trait cgroup-version 2",
            "trait cpus 4",
            "trait default-route yes",
            "trait board ",
            f"trait k3s-version {self.cluster.version if installed else ''}",
            *self.board.lines(),
            *(f"owned {path}" for path in sorted(self.owned)),
            *(
                f"part {len(data)} {hashlib.sha256(data).hexdigest()} {path}"
                for path, data in self.parts.items()
            ),
        ]
        if "k3s" in self.units and self.server_token:
            lines.append(f"node-token {base64.b64encode(self.server_token).decode()}")
        for target in targets:
            lines += self._describe(*target.split(":", 1))
        return "\n".join([*lines, "end", ""])

    def _describe(self, kind: str, path: str) -> list[str]:
        match kind:
            case "file":
                return self._file(path)
            case "text":
                found = self._file(path)
                if found:
                    encoded = base64.b64encode(self.files[path].data).decode()
                    found.append(f"content {encoded} {path}")
                return found
            case "seen":
                return self._file(path)
            case "tree":
                below = (p for p in self.files if p.startswith(path + "/"))
                return [line for p in sorted(below) for line in self._file(p)]
            case _:
                active = self.units.get(path, "inactive")
                enabled = "yes" if path in self.units else "no"
                return [f"unit {path} {active} {enabled} {self.started_with.get(path, '-')}"]

    def _file(self, path: str) -> list[str]:
        file = self.files.get(path)
        if file is None:
            return []
        if file.directory:
            return [f"file directory {file.mode:o} 0:0 0 - {path}"]
        digest = hashlib.sha256(file.data).hexdigest()
        return [f"file file {file.mode:o} 0:0 {len(file.data)} {digest} {path}"]

    def _status(self, role: str, service: str) -> str:
        active = self.units.get(service, "inactive")
        lines = ["== unit 0", f"ActiveState={active}", "NRestarts=0"]
        if active != "active":
            return "\n".join([*lines, "== journal 0", "not started", ""])
        rows = [
            f"{name} application/x {digest} 1 -" for name, digest in self.cluster.images.items()
        ]
        lines += ["== images 0", "REF TYPE DIGEST SIZE PLATFORMS", *rows]
        if role == "server":
            nodes = self.cluster.listing()
            self.cluster.promote(self.node)
            token = base64.b64encode(self.server_token or b"").decode()
            config = base64.b64encode(b"apiVersion: v1\n").decode()
            lines += ["== ready 0", "ok", "== nodes 0", nodes]
            lines += ["== charts 0", '{"items": []}']
            lines += ["== token 0", token, "== kubeconfig 0", config]
        return "\n".join([*lines, ""])

    def _survey(self) -> str:
        listed = base64.b64encode(self.cluster.listing().encode()).decode()
        lines = [f"service {name}" for name in sorted(self.units)]
        lines += [f"nodes {listed}"] if self.units.get("k3s") == "active" else []
        lines += ["processes 0", "rules 0"]
        lines += [f"path 4 {path}" for path in sorted(self.files)]
        lines += ["record"] if self.owned or self.started_with else []
        return "\n".join([*lines, "end", ""])

    def _clear(self, kind: str, items: tuple[str, ...]) -> None:
        for item in items:
            self.units.pop(item, None)
            self.files.pop(item, None)
        if kind == "record":
            self.owned.clear()
            self.started_with.clear()
