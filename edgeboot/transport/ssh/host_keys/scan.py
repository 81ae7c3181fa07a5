"""Scans the host key that an unknown host offers, before any login."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace

from edgeboot.errors import Refused
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.chain import Approach, close_chain, open_chain
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.client_config.resolve import resolve
from edgeboot.transport.ssh.client_config.settings import Reader
from edgeboot.transport.ssh.connection import DEFAULT_LIMITS
from edgeboot.transport.ssh.host_keys.known_hosts import fingerprint
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import Hop, Limits, SshTarget


@dataclass(frozen=True)
class Offer:
    """A host's public key (``TYPE BASE64``), its fingerprint, and whether it was trusted before.

    ``user`` is the user to log in as.
    """

    public: str
    fingerprint: str
    known: bool
    user: str


class _Scanned(Refused):
    """Carries the offer to ``scan``; never shown."""

    def __init__(self, offer: Offer) -> None:
        super().__init__("scanned")
        self.offer = offer


@dataclass(frozen=True)
class _Scanner(HostKeys):
    """Records the key of one host instead of checking it; a changed key is still refused.

    Jump hosts before it are checked as always.
    """

    scanned_node: str = field(default="")

    def check(self, hop: Hop, key_type: str, blob: bytes) -> None:
        """Ends the connection with the offer, before any login."""
        if hop.node != self.scanned_node:
            super().check(hop, key_type, blob)
            return
        public = f"{key_type} {base64.b64encode(blob).decode()}"
        known = self._known(hop)
        if any(k.revoked and k.blob == blob for k in known):
            super().check(hop, key_type, blob)
        believed = self._trusts(hop, known, key_type, blob)
        raise _Scanned(Offer(public, fingerprint(blob), believed, hop.user))


def scan(
    target: SshTarget,
    keys: HostKeys,
    limits: Limits = DEFAULT_LIMITS,
    *,
    configuration: Reader | None = None,
    credentials: Credentials | None = None,
    cancellation: Cancellation | None = None,
) -> Offer:
    """The key that a host offers, through jump hosts if there are any.

    ``Refused`` if another key is on record for it, ``Unreachable`` if it does not answer.
    """
    hop = resolve(replace(target, host_key=None), configuration or reader())
    scanner = _Scanner(
        keys.files, keys.recorded, keys.accept_new, keys.announce, scanned_node=hop.node
    )
    approach = Approach(
        scanner, limits, credentials or Credentials(), cancellation or Cancellation()
    )
    try:
        close_chain(open_chain(hop, approach))
    except _Scanned as scanned:
        return scanned.offer
    raise AssertionError("a host key is checked before anything else")
