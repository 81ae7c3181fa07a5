"""Which host keys are trusted: the inventory's, known_hosts', or a new one the user accepted.

A key pinned in the inventory is the only one accepted. Without a pin it must be in known_hosts.
``accept_new`` records the key of an unknown host, never a changed one.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.errors import BadInput, Refused
from edgeboot.localio import directories
from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh.host_keys import known_hosts
from edgeboot.transport.ssh.host_keys.known_hosts import KnownKey, fingerprint
from edgeboot.transport.ssh.target import Hop

# Key type -> the names it is negotiated by. In order of preference: paramiko stumbles over RSA keys
# where the server offers no SHA-2 signatures, so they come last.
_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


def user_files() -> tuple[Path, ...]:
    """The files OpenSSH reads by default."""
    ssh = expanded("~/.ssh")
    return (ssh / "known_hosts", ssh / "known_hosts2", Path("/etc/ssh/ssh_known_hosts"))


def recorded_file() -> Path:
    """Where accepted keys are recorded: ``known_hosts`` in edgeboot's state directory."""
    return directories.state() / "known_hosts"


def _silent(_message: str) -> None:
    """Announces nothing."""


@dataclass(frozen=True)
class HostKeys:
    """The rules for one run, shared by all its connections.

    ``announce`` gets a line for each new key that was accepted.
    """

    files: tuple[Path, ...] = field(default_factory=user_files)
    recorded: Path = field(default_factory=recorded_file)
    accept_new: bool = False
    announce: Callable[[str], None] = _silent
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def algorithms(self, hop: Hop) -> tuple[str, ...]:
        """What to negotiate, the types we hold a key of first: another one could not be checked."""
        held = {k.key_type for k in self._known(hop) if not k.revoked}
        if hop.host_key:
            pin = _Pin.parse(hop)
            held = {pin.key_type} if pin.key_type else set()
        order = sorted(_ALGORITHMS, key=lambda t: t not in held)
        return tuple(name for key_type in order for name in _ALGORITHMS[key_type])

    def check(self, hop: Hop, key_type: str, blob: bytes) -> None:
        """Returns if the key that a host offers is trusted; raises ``Refused`` otherwise."""
        known = self._known(hop)
        revoked = [k.where for k in known if k.revoked and k.blob == blob]
        if revoked:
            raise Refused(
                f"its host key {fingerprint(blob)} is marked as revoked in {revoked[0]}",
                error_id="host-key-revoked",
                where=hop.where,
                hint="do not connect until you know which host answers at this address",
            )
        if hop.host_key:
            _Pin.parse(hop).check(hop, key_type, blob)
        elif not self._trusts(hop, known, key_type, blob):
            self._accept(hop, key_type, blob)

    def _known(self, hop: Hop) -> tuple[KnownKey, ...]:
        paths = dict.fromkeys((*self.files, *hop.known_hosts, self.recorded))
        return tuple(k for k in known_hosts.read(paths) if k.names(hop.known_as))

    def _trusts(self, hop: Hop, known: tuple[KnownKey, ...], key_type: str, blob: bytes) -> bool:
        valid = [k for k in known if not k.revoked]
        if any(k.blob == blob for k in valid):
            return True
        if not valid:
            return False
        raise _changed(
            hop,
            key_type,
            blob,
            f"{fingerprint(valid[0].blob)} ({valid[0].key_type})",
            valid[0].where,
        )

    def _accept(self, hop: Hop, key_type: str, blob: bytes) -> None:
        """Records the key of an unknown host, or refuses it."""
        offered = f"{fingerprint(blob)} ({key_type})"
        if not self.accept_new:
            raise Refused(
                f"unknown host key: it offers {offered}",
                error_id="host-key-unknown",
                where=hop.where,
                hint="compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the "
                f"host, then pin it in the inventory: `ssh: {{host-key: '{fingerprint(blob)}'}}`; "
                "or use --accept-new",
            )
        # Several nodes may connect to the same jump host at once: the first one decides.
        with self._lock, known_hosts.locked(self.recorded):
            if self._trusts(hop, self._known(hop), key_type, blob):
                return
            known_hosts.add(self.recorded, hop.known_as, key_type, blob)
        self.announce(f"{hop.where}: new host key accepted: {offered}")


@dataclass(frozen=True)
class _Pin:
    """An inventory's ``host-key``: a public key, or a fingerprint."""

    key_type: str | None
    blob: bytes | None
    shown: str

    @classmethod
    def parse(cls, hop: Hop) -> _Pin:
        words = (hop.host_key or "").split()
        if len(words) == 1 and words[0].startswith("SHA256:"):
            return cls(None, None, words[0].rstrip("="))
        try:
            key_type, blob = words[0], base64.b64decode(words[1], validate=True)
        except (IndexError, binascii.Error) as error:
            raise BadInput(
                "its host-key is neither a public key nor a fingerprint",
                where=hop.node,
                hint="write `ssh-ed25519 AAAA…` or `SHA256:…`",
            ) from error
        return cls(key_type, blob, f"{fingerprint(blob)} ({key_type})")

    def check(self, hop: Hop, key_type: str, blob: bytes) -> None:
        expected = self.shown.split()[0]
        if fingerprint(blob) != expected or (self.blob is not None and self.blob != blob):
            raise _changed(hop, key_type, blob, self.shown, "the inventory")


def _changed(hop: Hop, key_type: str, blob: bytes, expected: str, source: str) -> Refused:
    return Refused(
        f"host key changed: it offers {fingerprint(blob)} ({key_type}), {source} has {expected}",
        error_id="host-key-changed",
        where=hop.where,
        hint=f"find out why; if the host was reinstalled, replace the key in {source}",
    )
