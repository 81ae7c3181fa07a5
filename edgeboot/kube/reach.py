"""Whether a server's API can be reached from another host of its cluster.

Nothing is said that a stranger may not hear, and nothing is believed: ``/ping`` needs no
credentials, and the certificate is not looked at.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from typing import cast
from urllib.parse import urlsplit

from edgeboot.errors import StepFailed
from edgeboot.kube.tls import TlsStream
from edgeboot.transport.base import Channel, NoChannel, Snippet, Transport

_SECONDS = 30.0
_SNIPPET_DEADLINE = 120.0
_TRIES = 2


def reach(transport: Transport, url: str) -> None:
    """Lets the host connect to a server's port and ask there; ``StepFailed`` where it cannot."""
    why = ""
    for _ in range(_TRIES):
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        channel = transport.open_channel(host, port, deadline=_SECONDS)
        if not isinstance(channel, NoChannel):
            why = _ping(channel, host, port)
            channel.close()
        elif channel.forbidden:
            _by_kubectl(transport, url)
            return
        else:
            why = f"it cannot connect to port {port} of {host} ({channel.why})"
        if not why:
            return
    raise StepFailed(why, where=transport.node)


def _ping(channel: Channel, host: str, port: int) -> str:
    """Why nothing that speaks for K3s answers there; empty where it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        stream = TlsStream(channel, context, host, until=time.monotonic() + _SECONDS)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = cast("socket.socket", stream)
        connection.request("GET", "/ping")
        status = connection.getresponse().status
    except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
        return f"port {port} of {host} does not answer as K3s does: {error}"
    return "" if status == http.client.OK else f"port {port} of {host} answers {status}"


def _by_kubectl(transport: Transport, url: str) -> None:
    done = transport.run(Snippet("reach", (url,)), deadline=_SNIPPET_DEADLINE)
    if not done.ok:
        said = (done.stderr or done.stdout).strip() or "no answer"
        raise StepFailed(said, where=transport.node)
