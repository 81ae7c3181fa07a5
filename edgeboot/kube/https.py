"""The API over HTTPS, through a channel of the open SSH connection.

Nothing is started on the host.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from edgeboot import json_document
from edgeboot.errors import Refused
from edgeboot.json_document import Node
from edgeboot.kube.api import (
    FIELD_MANAGER,
    ApiError,
    Document,
    Kind,
    Snapshot,
    items_of,
    parsed,
)
from edgeboot.kube.credentials import Credentials
from edgeboot.kube.tls import TlsStream, context_of
from edgeboot.transport.base import Channel, NoChannel, Transport

_SECONDS = 30.0  # for a request; a swapping server of 512 MiB has been seen to take 20
_MAX_BODY = 32 << 20
_MAX_WORDS = 400  # of an error's message
_JSON = "application/json"


class HttpsApi:
    """The API of a transport's host; connects at the first request.

    ``channel`` is open already.
    """

    costly = False

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        channel: Channel | None = None,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._channel = channel
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None
        self._stream: TlsStream | None = None
        try:
            self._context = context_of(credentials)
        except (ssl.SSLError, ValueError) as error:
            raise ApiError(
                "cannot use the certificates in its kubeconfig",
                where=transport.node,
                hint="restart K3s on the host; it rewrites the file",
            ) from error

    @property
    def where(self) -> str:
        """The host that is asked."""
        return self._transport.node

    def get(self, path: str) -> bytes:
        """What a path answers; see ``KubeApi.get``."""
        return self._ask("GET", path)

    def snapshot(self, kinds: Sequence[Kind]) -> Snapshot:
        """Readiness and listings; see ``KubeApi.snapshot``."""
        try:
            self.get("/readyz")
        except ApiError as error:
            return Snapshot(ready=False, complaints=(error.what,))
        found: dict[Kind, tuple[Node, ...]] = {}
        complaints = []
        for kind in kinds:
            try:
                found[kind] = items_of(
                    parsed(self.get(kind.path()), self.where, kind.plural), self.where
                )
            except ApiError as error:
                complaints.append(f"{kind.plural}: {error.what}")
        return Snapshot(ready=True, items=found, complaints=tuple(complaints))

    def apply(self, objects: Sequence[tuple[Kind, Document]]) -> None:
        """Server-side apply; see ``KubeApi.apply``."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        for kind, document in objects:
            metadata = document["metadata"]
            path = kind.path(metadata["name"], namespace=metadata.get("namespace", ""), query=query)
            self._ask("PATCH", path, document, "application/apply-patch+yaml")

    def patch(self, kind: Kind, name: str, change: Document, *, namespace: str = "") -> None:
        """Merges a change into an object; see ``KubeApi.patch``."""
        path = kind.path(name, namespace=namespace, query={"fieldManager": FIELD_MANAGER})
        self._ask("PATCH", path, change, "application/merge-patch+json")

    def delete(self, kind: Kind, name: str, *, namespace: str = "") -> bool:
        """Deletes an object; see ``KubeApi.delete``."""
        # Jobs would leave their pods behind otherwise, as they did in the first versions.
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        try:
            self._ask("DELETE", kind.path(name, namespace=namespace), options)
        except ApiError as error:
            if error.missing:
                return False
            raise
        return True

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
        if self._stream is not None:
            self._stream.close()
        if self._channel is not None:
            self._channel.close()
        self._connection = self._stream = self._channel = None

    def _ask(
        self, method: str, path: str, body: Document | None = None, kind: str = _JSON
    ) -> bytes:
        reused = self._connection is not None
        try:
            return self._exchange(method, path, body, kind)
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            self.close()
            if not reused or method != "GET":
                raise self._no_answer(str(error) or "the connection was closed") from error
        try:  # K3s restarted between two requests
            return self._exchange(method, path, body, kind)
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            self.close()
            raise self._no_answer(str(error) or "the connection was closed") from error

    def _exchange(self, method: str, path: str, body: Document | None, kind: str) -> bytes:
        try:
            connection = self._connected()
            headers = {"Accept": "*/*" if body is None else _JSON}
            content = None
            if body is not None:
                content = json.dumps(body).encode()
                headers["Content-Type"] = kind
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            data = answer.read(_MAX_BODY + 1)
            if len(data) > _MAX_BODY:
                raise self._no_answer(f"the answer exceeds {_MAX_BODY >> 20} MiB")
        except (http.client.RemoteDisconnected, ConnectionError):
            raise
        except TimeoutError as error:
            self.close()
            raise self._no_answer(f"no answer within {self._seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise self._no_answer(f"invalid certificate: {error.verify_message}") from error
        except (ssl.SSLError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise self._no_answer(_words(str(error) or type(error).__name__)) from error
        except BaseException:
            self.close()
            raise
        if connection.sock is None:  # the answer said that it is the last on this connection
            self.close()
        if not 200 <= answer.status <= 299:
            raise self._refused(answer.status, data)
        return data

    def _connected(self) -> http.client.HTTPConnection:
        until = time.monotonic() + self._seconds
        if self._connection is not None and self._stream is not None:
            self._stream.until = until
            return self._connection
        channel = self._channel or self._opened()
        self._channel = channel
        host, port = self._credentials.host, self._credentials.port
        self._stream = TlsStream(channel, self._context, host, until=until)
        self._connection = http.client.HTTPConnection(host, port)
        self._connection.auto_open = 0
        self._connection.sock = cast("socket.socket", self._stream)
        return self._connection

    def _opened(self) -> Channel:
        opened = self._transport.open_channel(
            self._credentials.host, self._credentials.port, deadline=self._seconds
        )
        if isinstance(opened, NoChannel):
            raise self._no_answer(opened.why)
        return opened

    def _no_answer(self, why: str) -> ApiError:
        return ApiError(f"the API does not answer: {why}", where=self.where)

    def _refused(self, status: int, data: bytes) -> ApiError:
        return ApiError(message_of(status, data), where=self.where, code=status)


def message_of(status: int, data: bytes) -> str:
    """The message of a Status object, else the beginning of the body."""
    said: str | None = None
    with suppress(Refused):
        message = json_document.parse(data, "status").get("message")
        said = message.text(limit=1 << 16) if message else None
    said = said or data[:_MAX_WORDS].decode("utf-8", "replace")
    return f"the API returned {status}: {_words(said)}"


def _words(text: str) -> str:
    return " ".join(text.split())[:_MAX_WORDS]
