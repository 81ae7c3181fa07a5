"""A small HTTPS server that wants a client certificate, as the API of K3s does."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgeboot.secret import Secret

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,  # as K3s writes it
            serialization.NoEncryption(),
        )


def issue(
    name: str, by: Pair | None = None, *, address: str = "", starts: datetime.timedelta = -HOUR
) -> Pair:
    """A CA, or a leaf signed by one; valid from ``starts`` after now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = datetime.datetime.now(datetime.UTC) + starts
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + 24 * HOUR)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if address:
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(builder.sign(by.key if by else key, hashes.SHA256()), key)


def kubeconfig(port: int, ca: Pair, client: Pair, **cluster: object) -> Secret:
    """A kubeconfig as K3s writes it, with more in its cluster where a test wants that."""

    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "default",
                "cluster": {
                    "certificate-authority-data": encoded(ca.certificate_pem),
                    "server": f"https://127.0.0.1:{port}",
                    **cluster,
                },
            }
        ],
        "users": [
            {
                "name": "default",
                "user": {
                    "client-certificate-data": encoded(client.certificate_pem),
                    "client-key-data": encoded(client.key_pem),
                },
            }
        ],
    }
    return Secret(json.dumps(document).encode())


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    kind: str
    body: bytes
    who: str
    connection: int


Answer = Callable[[Request], tuple[int, bytes]]


@dataclass
class TlsApi:
    """The server; ``answer`` may be replaced by a test."""

    port: int
    ca: Pair
    client_ca: Pair
    client: Pair
    answer: Answer
    asked: list[Request] = field(default_factory=list)
    close_after_answer: bool = False  # without saying so beforehand, as a process that dies

    @property
    def kubeconfig(self) -> Secret:
        return kubeconfig(self.port, self.ca, self.client)


@contextmanager
def serving(
    answer: Answer, work: Path, *, address: str = "127.0.0.1", starts: datetime.timedelta = -HOUR
) -> Iterator[TlsApi]:
    """An API on loopback whose certificate is for ``address``."""
    ca, client_ca = issue("server-ca", starts=starts), issue("client-ca", starts=starts)
    server = issue("k3s", ca, address=address, starts=starts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL  # as K3s: /ping wants none
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # dates are the client's question here
    context.load_verify_locations(cadata=client_ca.certificate_pem.decode())
    file = work / "server.pem"
    file.write_bytes(server.certificate_pem + server.key_pem)
    context.load_cert_chain(file)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            shown = self.connection.getpeercert() or {}
            who = str(shown.get("subject", ""))
            size = int(self.headers.get("Content-Length", "0"))
            request = Request(
                self.command,
                self.path,
                self.headers.get("Content-Type", ""),
                self.rfile.read(size),
                who,
                self.client_address[1],
            )
            api.asked.append(request)
            status, body = api.answer(request) if who else (401, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = api.close_after_answer

        do_GET = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: object, client_address: object) -> None:
            wrapped = context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
            super().finish_request(wrapped, client_address)

        def handle_error(self, *_args: object) -> None:
            """A client that trusts us not is no news."""

    server_thread = Server(("127.0.0.1", 0), Handler)
    port = server_thread.server_address[1]
    api = TlsApi(port, ca, client_ca, issue("system:admin", client_ca, starts=starts), answer)
    threading.Thread(target=server_thread.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server_thread.shutdown()
        server_thread.server_close()
