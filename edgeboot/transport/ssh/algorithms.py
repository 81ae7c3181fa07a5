"""paramiko's Transport with our choice of algorithms, and a record of when the peer was heard.

paramiko prefers AES-CTR, which is slower here than GCM, and still offers CBC, 3DES and MD5.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.packet import Packetizer

# A rekey stops the stream. AES-GCM is good for 64 GiB under one key (OpenSSH's limit for it).
_REKEY_BYTES = 4 << 30


class _Packetizer(Packetizer):
    """Remembers when the peer was last heard."""

    REKEY_BYTES = _REKEY_BYTES

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.heard = time.monotonic()

    def read_message(self) -> tuple[int, Message]:
        """One packet from the peer."""
        kind, message = super().read_message()
        self.heard = time.monotonic()
        return kind, message


class WatchedTransport(paramiko.Transport):
    """One SSH connection; host keys are negotiated in the order of ``host_keys``."""

    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    )
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )

    def __init__(
        self,
        sock: Any,
        host_keys: Iterable[str],
        disabled_algorithms: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        super().__init__(
            sock, disabled_algorithms=disabled_algorithms, packetizer_class=_Packetizer
        )
        self._preferred_keys = tuple(host_keys)
        # On a slow link the key exchange waits behind what is queued; the watchdog bounds it.
        self.clear_to_send_timeout = 600.0

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Plain keys only: host certificates cannot be checked here."""
        return tuple(self._preferred_keys)

    @property
    def preferred_kex(self) -> tuple[str, ...]:
        """All of paramiko's, without SHA-1."""
        return tuple(k for k in super().preferred_kex if not k.endswith("sha1"))

    @property
    def heard(self) -> float:
        """When the peer last sent something, on the monotonic clock."""
        packetizer = self.packetizer
        assert isinstance(packetizer, _Packetizer)  # noqa: S101
        return packetizer.heard

    def ask_for_a_sign_of_life(self) -> None:
        """Waits for an answer until the watchdog ends the connection.

        paramiko's own keepalive asks for no answer.
        """
        self.global_request("keepalive@openssh.com", wait=True)
