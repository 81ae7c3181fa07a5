"""What registries, mirrors and chart repositories answer, over a real connection."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeboot.bundle.http.client import Http
from edgeboot.bundle.oci.reference import parse
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import Hosts
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.bundle.registry.token import _challenges
from tests.support.fuzz.running import Target

_REQUEST_MAX = 64 << 10


def _answer(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


_DIGEST = "sha256:" + "0" * 64
_ANSWERS = (
    _answer("200 OK", f"Docker-Content-Digest: {_DIGEST}", body='{"schemaVersion": 2}'),
    _answer("200 OK", 'Link: </v2/a/tags/list?last=b>; rel="next"', body='{"tags": ["1", "2"]}'),
    _answer(
        "401 Unauthorized",
        'WWW-Authenticate: Bearer realm="http://127.0.0.1:1/token",service="s",scope="x"',
    ),
    _answer("307 Temporary Redirect", "Location: /v2/elsewhere"),
    _answer("429 Too Many Requests", "Retry-After: 3"),
    _answer("503 Service Unavailable", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
)


def _registry(data: bytes) -> None:
    with _serving(data) as host, tempfile.TemporaryDirectory() as directory:
        registry = Registry(
            keychain=Keychain(Path(directory, "config.json")),
            http=Http(Hosts(()).ca_of, stall=1.0),
            sleep=lambda _seconds: None,
        )
        registry.tags(parse(f"{host}/a/b:1"))
        registry.manifest(parse(f"{host}/a/b:1"))


@contextmanager
def _serving(data: bytes) -> Iterator[str]:
    """A server on loopback that answers every request with ``data``, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(_REQUEST_MAX)
                        connection.sendall(data)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _challenge(data: bytes) -> None:
    list(_challenges(data.decode("latin-1")))


TARGETS = (
    Target("registry", _registry, _ANSWERS, hermetic=False),
    Target(
        "registry-challenge",
        _challenge,
        (b'Bearer realm="https://auth.example/token",service="s", Basic realm=x',),
    ),
)
