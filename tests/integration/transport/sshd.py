"""One sshd on loopback, the users it lets in, and connections to it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.connection import SshTransport, connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import Limits, SshTarget

QUICK = Limits(connect=3, banner=3, auth=5, channel=5, silence=3, heartbeat=0.3, retry_pause=0.2)
SHELLS = ("dash", "bash", "fish", "ash")
ASH = Path(f"/usr/local/lib/eb-test-{os.getpid()}/ash")
PASSWORD = "correct horse 'battery\" $staple"
SNIPPETS = {
    "words": """
        for word in "$@"; do printf '%s\\0' "$word" | od -An -v -tx1 | tr -d ' \\n'; echo; done""",
    "cat": 'cat > "$1" && sha256sum < "$1"',
    "count": "wc -c",
    "script": 'eval "$1"',
    "hold": 'echo $$ > "$1"; echo waiting; echo READY; while head -c1 | grep -q .; do :; done',
}


def must_run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


@dataclass
class Sshd:
    """One sshd as a child process, with its own configuration, keys and port."""

    home: Path
    port: int
    host_key: str
    extra: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    within: tuple[str, ...] = ()

    def start(self) -> None:
        config = self.home / "sshd_config"
        lines = (
            *self.extra,  # sshd takes the first value
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.home}/{self.host_key}",
            f"PidFile {self.home}/sshd.pid",
            f"AuthorizedKeysFile {self.home}/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            f"Banner {self.home}/banner",
        )
        config.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(
            [*self.within, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)],
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("sshd did not come up")

    def stop(self) -> None:
        if self.process:
            for session in self.sessions():
                with suppress(ProcessLookupError):
                    os.kill(session, 9)
            self.process.kill()
            self.process.wait()
            self.process = None

    def sessions(self) -> list[int]:
        """The processes that serve connections: this sshd's children and their children."""
        assert self.process
        found = children_of(self.process.pid)
        return found + [c for pid in found for c in children_of(pid) if name_of(c) == "sshd"]

    def public(self) -> str:
        return " ".join((self.home / f"{self.host_key}.pub").read_text().split()[:2])

    def fingerprint(self) -> str:
        out = subprocess.check_output(
            ["ssh-keygen", "-lf", str(self.home / f"{self.host_key}.pub")], text=True
        )
        return out.split()[1]

    def known_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.public()}\n"


def children_of(pid: int) -> list[int]:
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(p) for p in out.stdout.split()]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@dataclass
class Lab:
    """What tests make servers and connections from; ``clean`` ends them all."""

    home: Path
    users: dict[str, str]
    limits: Limits = QUICK
    servers: list[Sshd] = field(default_factory=list)
    open: list[SshTransport] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.home / "id"

    @property
    def recorded(self) -> Path:
        return self.home / "state" / "edgeboot" / "known_hosts"

    def sshd(self, *extra: str, key: str = "ed25519", start: bool = True) -> Sshd:
        home = self.home / f"sshd{len(self.servers)}"
        home.mkdir()
        (home / "banner").write_text("*** authorised users only ***\n")
        shutil.copy(self.home / "id.pub", home / "authorized_keys")
        home.chmod(0o755)
        must_run("ssh-keygen", "-q", "-t", key, "-N", "", "-f", home / f"host_{key}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Sshd(home, port, f"host_{key}", extra)
        self.servers.append(server)
        if start:
            server.start()
        return server

    def keys(self, *files: Path, **more: object) -> HostKeys:
        return replace(HostKeys(files=files, recorded=self.recorded), **more)  # type: ignore[arg-type]

    def target(self, server: Sshd, user: str = "root", **more: object) -> SshTarget:
        made = SshTarget(
            "node-1",
            "127.0.0.1",
            user=user,
            port=server.port,
            key=self.key,
            host_key=server.public(),
        )
        return replace(made, **more)  # type: ignore[arg-type]

    def connect(
        self,
        target: SshTarget,
        keys: HostKeys | None = None,
        limits: Limits | None = None,
        config: Path | None = None,
        credentials: Credentials | None = None,
    ) -> SshTransport:
        made = connect(
            target,
            keys or self.keys(),
            limits or self.limits,
            configuration=reader((config,) if config else ()),
            credentials=credentials,
        )
        self.open.append(made)
        return made

    def clean(self) -> None:
        for transport in self.open:
            transport.close()
        for server in self.servers:
            server.stop()


def sudo_log(user: str) -> Path:
    """Where sudo notes every attempt of a user who needs a password."""
    return Path(f"/var/log/{user}.sudo")
