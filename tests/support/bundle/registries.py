"""Registries on loopback: Debian's docker-registry, and servers in front of it that misbehave."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.support.bundle import fakes

_START_SECONDS = 30
USER, PASSWORD = "pilot", "s3cret-pass"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Issuer:
    """Signs tokens for a docker-registry: exactly the scopes that a client asks for by name.

    ``scopes`` are those that were asked for; the registry itself checks that they suffice.
    """

    realm: str
    scopes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        made = made.public_key(self._key.public_key()).serial_number(1)
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(
            now + timedelta(days=1)
        )
        self._certificate = made.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(Encoding.PEM)

    def settings(self, bundle: Path) -> dict[str, str]:
        return {
            "realm": self.realm,
            "service": "registry",
            "issuer": "issuer",
            "rootcertbundle": str(bundle),
        }

    def answer(self, handler: Any) -> bool:
        """A Front's rule."""
        (scope,) = parse_qs(urlsplit(handler.path).query)["scope"]
        self.scopes.append(scope)
        kind, name, actions = scope.split(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        body = json.dumps({"token": self._token(access)}).encode()
        return bool(handler.reply(200, body=body))

    def _token(self, access: list[dict[str, Any]]) -> str:
        certificate = base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()
        now = int(time.time())
        parts = (
            {"typ": "JWT", "alg": "ES256", "x5c": [certificate]},
            {
                "iss": "issuer",
                "aud": "registry",
                "sub": "",
                "jti": "1",
                "access": access,
                "iat": now - 60,
                "nbf": now - 60,
                "exp": now + 600,
            },
        )
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def docker_registry(
    directory: Path,
    *,
    htpasswd: bool = False,
    tls: tuple[Path, Path] | None = None,
    issuer: Issuer | None = None,
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
    if issuer:
        (directory / "issuer.pem").write_bytes(issuer.pem)
        settings["auth"] = {"token": issuer.settings(directory / "issuer.pem")}
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
