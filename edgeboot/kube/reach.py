"""Whether a server's API can be reached from another host of its cluster.

``/ping`` needs no credentials, so none are sent and the server's certificate is not checked.
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
    """Connects from the host to a server's port and asks there; ``StepFailed`` if that fails."""
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
            why = f"cannot connect to port {port} of {host} ({channel.why})"
        if not why:
            return
    raise StepFailed(why, where=transport.node)


def _ping(channel: Channel, host: str, port: int) -> str:
    """Why K3s does not answer there; empty if it does."""
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
        return f"port {port} of {host} is not K3s: {error}"
    return "" if status == http.client.OK else f"port {port} of {host} returns {status}"


def _by_kubectl(transport: Transport, url: str) -> None:
    done = transport.run(Snippet("reach", (url,)), deadline=_SNIPPET_DEADLINE)
    if not done.ok:
        said = (done.stderr or done.stdout).strip() or "no answer"
        raise StepFailed(said, where=transport.node)
