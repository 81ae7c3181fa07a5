"""Meeting a host nothing is known about: which key it offers, before anybody logs in."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeboot.errors import Refused
from edgeboot.transport.ssh import client_config
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.chain import Approach, close_chain, open_chain
from edgeboot.transport.ssh.connection import CONFIGS, DEFAULT_LIMITS
from edgeboot.transport.ssh.host_keys.known_hosts import fingerprint
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import Hop, Limits, SshTarget


@dataclass(frozen=True)
class Offer:
    """A host's public key (``TYPE BASE64``), its fingerprint, and whether it was believed before.

    ``user`` is whom a login would be tried as.
    """

    public: str
    fingerprint: str
    known: bool
    user: str


class _Met(Refused):
    """Carries the offer out; nobody sees it."""

    def __init__(self, offer: Offer) -> None:
        super().__init__("met")
        self.offer = offer


@dataclass(frozen=True)
class _Meeting(HostKeys):
    """Takes the key of one host down instead of judging it; a changed key is refused all the same.

    Jump hosts before it are judged as always.
    """

    whom: str = field(default="")

    def check(self, hop: Hop, key_type: str, blob: bytes) -> None:
        """Ends the connection with the offer, before any login."""
        if hop.node != self.whom:
            super().check(hop, key_type, blob)
            return
        public = f"{key_type} {base64.b64encode(blob).decode()}"
        known = self._known(hop)
        if any(k.revoked and k.blob == blob for k in known):
            super().check(hop, key_type, blob)
        believed = self._believed(hop, known, key_type, blob)
        raise _Met(Offer(public, fingerprint(blob), believed, hop.user))


def meet(
    target: SshTarget,
    keys: HostKeys,
    limits: Limits = DEFAULT_LIMITS,
    *,
    configs: tuple[Path, ...] = CONFIGS,
    credentials: Credentials | None = None,
    cancellation: Cancellation | None = None,
) -> Offer:
    """The key a host offers, through jump hosts where there are any.

    ``Refused`` where another key is on record for it, ``Unreachable`` where it does not answer.
    """
    hop = client_config.resolve(
        replace(target, host_key=None),
        client_config.load(*(path.expanduser() for path in configs)),
    )
    meeting = _Meeting(keys.files, keys.recorded, keys.accept_new, keys.announce, whom=hop.node)
    approach = Approach(
        meeting, limits, credentials or Credentials(), cancellation or Cancellation()
    )
    try:
        close_chain(open_chain(hop, approach))
    except _Met as met:
        return met.offer
    raise AssertionError("a host key is checked before anything else")
