"""A TLS server in memory, as the other end of a fake host's channel."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import os
import ssl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

API_PORT = 6443
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"

Handler = Callable[[str, str, bytes], tuple[int, bytes]]  # method, path, body -> status, body


@cache
def _pem() -> tuple[str, str]:
    """A certificate for 127.0.0.1 that is its own CA, and its key: both ends show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


@cache
def kubeconfig(port: int) -> bytes:
    """A kubeconfig as K3s writes it; JSON is YAML."""
    certificate, key = (base64.b64encode(text.encode()).decode() for text in _pem())
    cluster = {
        "certificate-authority-data": certificate,
        "server": f"https://127.0.0.1:{port}",
    }
    user = {"client-certificate-data": certificate, "client-key-data": key}
    document = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": "default"}],
        "contexts": [{"context": {"cluster": "default", "user": "default"}, "name": "default"}],
        "current-context": "default",
        "kind": "Config",
        "users": [{"name": "default", "user": user}],
    }
    return json.dumps(document).encode()


@cache
def _context() -> ssl.SSLContext:
    certificate, key = _pem()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL  # as K3s: /ping is for everyone
    context.load_verify_locations(cadata=certificate)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "pem"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(certificate + key)
        context.load_cert_chain(file)
    return context


class FakeChannel:
    """A ``Channel`` whose other end is a handler of HTTP requests behind TLS."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self._request = b""
        self._closed = False

    def send(self, data: bytes, *, within: float) -> None:
        """Takes bytes in, and answers what is whole; see ``Channel.send``."""
        del within
        if self._closed:
            raise BrokenPipeError("the other end has closed the connection")
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while True:
                self._request += self._tls.read(1 << 16)
                self._answer()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            self._closed = True

    def receive(self, *, within: float) -> bytes:
        """What there is for the client; see ``Channel.receive``."""
        if data := self._outgoing.read():
            return data
        if self._closed:
            return b""
        raise TimeoutError(f"nothing within {within:g} s")

    def close(self) -> None:
        """Ends the stream."""
        self._closed = True

    def _answer(self) -> None:
        head, end, body = self._request.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = int(headers.get("content-length", "0"))
        if len(body) < size:
            return
        self._request = body[size:]
        method, path, _ = lines[0].split(" ")
        known = path == "/ping" or self._tls.getpeercert(binary_form=True) is not None
        status, said = self._handler(method, path, body[:size]) if known else (401, b"")
        self._tls.write(f"HTTP/1.1 {status} -\r\nContent-Length: {len(said)}\r\n\r\n".encode())
        self._tls.write(said)
