"""What snippets that change something do to a fake host."""

from __future__ import annotations

import hashlib
import posixpath

from edgeboot.transport.base import Argv, Command, Result
from edgeboot.transport.fake import answers
from edgeboot.transport.fake.cluster import CA, full_token, password_of
from edgeboot.transport.fake.machine import FakeFile, FakeMachine
from edgeboot.transport.fake.tls import API_PORT, KUBECONFIG, kubeconfig

_OK = Result(0, "", "")
_TOLD = "/etc/rancher/k3s/edgeboot-token"
_FORMER = "/var/lib/edgeboot/former-server-tokens"
_CA = "/var/lib/rancher/k3s/agent/server-ca.crt"
_ETCD = "/var/lib/rancher/k3s/server/db/etcd/member"


class FakeShell(FakeMachine):
    """A host that runs snippets."""

    def carry_out(self, command: Command, data: bytes | None) -> Result:  # noqa: C901 - a table
        """Runs a snippet, with ``data`` on its standard input."""
        if isinstance(command, Argv):
            return self._program(command.words)
        words = command.parameters
        match command.name:
            case "observe":
                return Result(0, answers.observed(self, words[2:]), "")
            case "directory":
                self.files[words[0]] = FakeFile(int(words[1], 8), directory=True)
            case "put":
                whole = self.collect(words, data or b"")
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
                return Result(0, answers.status(self, words[0], words[1]), "")
            case "note":
                pass
            case "reboot":
                return self._reboot(words[0])
            case name if not self.board.prepare(name, words):
                return self._carry_out_reset(name, words)
        return _OK

    def _carry_out_reset(self, name: str, words: tuple[str, ...]) -> Result:
        match name:
            case "survey":
                return Result(0, answers.survey(self), "")
            case "clear":
                self._clear(words[0], words[1:])
            case "rotate-token":
                return self._rotate(words[0])
            case _:
                return Result(127, "", f"a fake host has no snippet {name}")
        return _OK

    def _program(self, words: tuple[str, ...]) -> Result:
        """What runs without a snippet: reading a file, or when it was written."""
        match words:
            case ("cat", path) if path == KUBECONFIG and self.units.get("k3s") == "active":
                return Result(0, kubeconfig(API_PORT).decode(), "")
            case ("cat", path) if path in self.files:
                return Result(0, self.files[path].data.decode(), "")
            case ("stat", "-c", "%Y", path) if path in self.files:
                return Result(0, "0\n", "")
            case ("cat" | "stat", *_):
                return Result(1, "", f"{words[-1]}: No such file or directory")
        return Result(127, "", f"a fake host has no {words[0]}")

    def _reboot(self, boot_id: str) -> Result:
        asked = self.board.reboot(boot_id)
        if self.board.boot_id != asked:
            self.locked = False
        return Result(0, asked + "\n", "")

    def collect(self, words: tuple[str, ...], data: bytes) -> bytes:
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
        name = self.cluster.start(self.node, service == "k3s", files, self.board.machine_id)
        joins = name is not None
        self.units[service] = "active" if joins else "activating"
        if joins and service == "k3s":
            self.server_token = full_token(password_of(files[_TOLD]))
        if name is not None:
            self.runs_as = name
            self.files[_CA] = FakeFile(0o644, CA)
        if name is not None and self.cluster.joined[name].voter is not None:
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
            return Result(1, "", "K3s does not start, and its token is unknown")
        self.files.setdefault(_FORMER, FakeFile(0o600)).data += told + b"\n"
        self.files[_TOLD].data = self.server_token or b""
        return _OK

    def _clear(self, kind: str, items: tuple[str, ...]) -> None:
        for item in items:
            self.units.pop(item, None)
            self.files.pop(item, None)
        if kind == "record":
            self.runs_as = ""
            self.owned.clear()
            self.started_with.clear()
