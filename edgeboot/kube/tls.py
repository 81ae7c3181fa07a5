"""TLS over a channel, with a client certificate that is not written to disk."""

from __future__ import annotations

import io
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from edgeboot.kube.credentials import Credentials
from edgeboot.transport.base import Channel

T = TypeVar("T")

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name. A host's CA is valid from its
# creation, by the host's clock, and ours may be behind. SSH has authenticated the host, the CA came
# that way, and `verify` compares the certificates' dates with the host's own clock.
_NO_CHECK_TIME = 0x200000


def context_of(credentials: Credentials) -> ssl.SSLContext:
    """Trusts one CA and no other, checks the server's name, and presents the certificate.

    ``ssl.SSLError`` if the certificate, key or CA is unusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    context.load_verify_locations(cadata=credentials.ca)
    with _in_memory(credentials.certificate.encode() + b"\n" + credentials.key.value) as path:
        context.load_cert_chain(path, password=_no_password)
    return context


def _no_password() -> bytes:
    """OpenSSL would ask at the terminal for the password of an encrypted key."""
    return b""


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path to bytes, for an interface that reads only files; removed at the end.

    On Linux the file exists in memory only, elsewhere in a private directory while it is read.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("edgeboot", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory(prefix="edgeboot-") as directory:  # 0700
        file = Path(directory) / "client.pem"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        yield str(file)


class TlsStream:
    """A TLS connection through a channel, with as much of a socket as ``http.client`` uses.

    ``TimeoutError`` once ``until`` (monotonic clock) has passed; it may be moved.
    """

    def __init__(
        self, channel: Channel, context: ssl.SSLContext, name: str, *, until: float
    ) -> None:
        self.until = until
        self._channel = channel
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._step(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        """Sends all of ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._step(lambda rest=rest: self._tls.write(rest)) :]  # type: ignore[misc]

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        try:
            return self._step(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def makefile(self, _mode: str) -> io.BufferedReader:
        """One answer's worth of reading; closing it leaves the connection open."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _step(self, act: Callable[[], T]) -> T:
        """Does something with TLS, and moves bytes until it is done."""
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self._flush()
                if data := self._channel.receive(within=self._left()):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
                continue
            except ssl.SSLError:
                self._flush()  # the alert, which tells the other end why
                raise
            self._flush()
            return done

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._channel.send(data, within=self._left())

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class _Reader(io.RawIOBase):
    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
