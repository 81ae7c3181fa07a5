"""Registries on loopback: Debian's docker-registry, and servers in front of it that misbehave."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import bcrypt

from tests.support.bundle import fakes

_START_SECONDS = 30
USER, PASSWORD = "pilot", "s3cret-pass"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def docker_registry(
    directory: Path, *, htpasswd: bool = False, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """A docker-registry with its data below ``directory``; yields its host:port."""
    directory.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    settings: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": host},
    }
    if tls:
        settings["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    if htpasswd:
        file = directory / "htpasswd"
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        file.write_text(f"{USER}:{hashed}\n")
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(file)}}
    config = directory / "config.yml"
    config.write_text(json.dumps(settings))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(host):
            assert process.poll() is None, (directory / "log").read_text()
            assert time.monotonic() < deadline, "docker-registry does not start"
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(host: str) -> bool:
    name, _, port = host.rpartition(":")
    try:
        socket.create_connection((name, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def push(layout: fakes.Layout, host: str, name: str, work: Path, *options: str) -> None:
    """Push the image called ``name`` in a layout (``repository:tag``) with skopeo, as it is."""
    directory = work / f"layout-{name.replace('/', '-').replace(':', '-')}"
    for path, data in layout.files().items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    tag = name.rpartition(":")[2]
    options = options or ("--dest-tls-verify=false",)
    names = (f"oci:{directory}:{tag}", f"docker://{host}/{name}")
    subprocess.run(
        ["skopeo", "copy", "-q", "--all", "--preserve-digests", *options, *names],
        check=True,
        timeout=60,
    )


@dataclass(frozen=True)
class Seen:
    """A request that a front got."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Front:
    """A server whose ``rules`` answer first (True: answered); the rest goes to ``upstream``."""

    upstream: str | None = None
    rules: list[Callable[[Any], bool]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    host: str = ""

    def paths(self, part: str = "", method: str | None = None) -> list[Seen]:
        return [s for s in self.seen if part in s.path and method in (None, s.method)]


class Handler(BaseHTTPRequestHandler):
    """Answers by the rules of ``state``; a subclass sets that."""

    protocol_version = "HTTP/1.1"
    state: Front

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.state.seen.append(Seen(self.command, self.path, dict(self.headers.items())))
        for rule in list(self.state.rules):
            if rule(self):
                return
        self.forward()

    def reply(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> bool:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def fetch(self) -> tuple[int, dict[str, str], bytes]:
        """What upstream says to this request."""
        assert self.state.upstream is not None
        connection = http.client.HTTPConnection(self.state.upstream, timeout=30)
        passed = ("Accept", "Range", "Content-Type")
        headers = {key: self.headers[key] for key in passed if key in self.headers}
        connection.request(self.command, self.path, self.body or None, headers)
        response = connection.getresponse()
        data = response.read()
        kept = dict(response.getheaders())
        connection.close()
        return response.status, kept, data

    def forward(self) -> None:
        status, headers, data = self.fetch()
        if self.command == "HEAD":
            data = b""
        else:
            headers["Content-Length"] = str(len(data))
        self.reply(status, headers, data)

    def log_message(self, *_: object) -> None:
        pass


for _method in ("GET", "HEAD", "POST", "PUT"):
    setattr(Handler, f"do_{_method}", Handler.answer)


@contextmanager
def front(upstream: str | None = None) -> Iterator[Front]:
    """A Front on a port of its own."""
    state = Front(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    server.daemon_threads = True
    state.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def app_layout(name: str, arches: tuple[tuple[str, str | None], ...]) -> fakes.Layout:
    """An index with an image for each of ``arches`` and, as buildkit has it, an attestation."""
    layout = fakes.Layout()
    base = fakes.layer("shared-base")
    children = [
        layout.manifest([base, fakes.layer(f"{name}-{arch}-{variant}")], arch, variant)
        for arch, variant in arches
    ]
    attestation = layout.manifest([fakes.layer(f"{name}-proof")], "unknown", os="unknown")
    layout.name(f"{name}:1", layout.index([*children, attestation]))
    return layout
