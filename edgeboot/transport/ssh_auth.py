"""Logging in with keys: the agent's and files. No passwords in this cut.

paramiko's own order tries every agent key before failing on the sixth, reports only the last
failure and dies of a configured key file that does not exist.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from edgeboot.errors import BadInput, Unreachable
from edgeboot.transport.ssh_target import Hop

_DEFAULT_FILES = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass
class KeyLogin:
    """An ``auth_strategy`` for ``SSHClient.connect``: tries keys in OpenSSH's order."""

    hop: Hop
    _locked: list[Path] = field(default_factory=list)
    _tried: int = 0
    _ways: set[str] = field(default_factory=set)  # what the server offers to go on with

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Logs in, or raises ``Unreachable`` saying what was tried."""
        agent = paramiko.Agent()
        try:
            for key in self._keys(agent.get_keys()):
                self._tried += 1
                try:
                    still_needed = transport.auth_publickey(self.hop.user, key)
                except paramiko.BadAuthenticationType as error:
                    self._ways.update(filter(None, error.allowed_types))
                    break
                except paramiko.AuthenticationException as error:
                    if "timeout" in str(error):  # another key would wait as long again
                        raise self._silence() from error
                    if not transport.is_active():
                        break
                    continue
                if not still_needed:
                    return
                self._ways.update(still_needed)
        finally:
            agent.close()
        raise self._failure()

    def _keys(self, agent_keys: tuple[paramiko.AgentKey, ...]) -> Iterator[paramiko.PKey]:
        files = self.hop.keys or tuple(Path("~/.ssh").expanduser() / n for n in _DEFAULT_FILES)
        listed = {blob for path in files if (blob := _public(path))}
        yield from (k for k in agent_keys if k.asbytes() in listed)
        if self.hop.key_given:  # what the inventory names comes before what the agent holds
            yield from self._from_files(files, agent_keys)
        if not self.hop.agent_only_listed:
            yield from (k for k in agent_keys if k.asbytes() not in listed)
        if not self.hop.key_given:
            yield from self._from_files(files, agent_keys)

    def _from_files(
        self, files: tuple[Path, ...], agent_keys: tuple[paramiko.AgentKey, ...]
    ) -> Iterator[paramiko.PKey]:
        in_agent = {k.asbytes() for k in agent_keys}
        for path in files:
            if _public(path) in in_agent:
                continue
            try:
                yield paramiko.PKey.from_path(path)
            except FileNotFoundError:
                if self.hop.key_given:
                    raise BadInput(f"there is no key {path}", where=self.hop.node) from None
            # cryptography raises TypeError for a key with a passphrase
            except (TypeError, paramiko.PasswordRequiredException):
                self._locked.append(path)
            except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
                if self.hop.key_given:
                    raise BadInput(f"key {path}: {error}", where=self.hop.node) from error

    def _silence(self) -> Unreachable:
        return Unreachable(
            "it stopped answering during the login",
            where=self.hop.where,
            hint="check its load and its logs (journalctl -u ssh), then try again",
        )

    def _failure(self) -> Unreachable:
        hop = self.hop
        copy = f"ssh-copy-id -p {hop.port} {hop.user}@{hop.host}"
        hint = f"let one of your keys in: {copy}"
        if self._locked:
            hint = f"{self._locked[0]} has a passphrase: load it into the agent with ssh-add"
        what = "none of the keys was accepted" if self._tried else "there is no key to log in with"
        if self._ways and "publickey" not in self._ways:
            what = f"it lets nobody in by key, only by {', '.join(sorted(self._ways))}"
            hint = "allow PubkeyAuthentication there; edgeboot types no passwords"
        return Unreachable(
            f"login failed: {what}", where=hop.where, hint=hint, error_id="login-failed"
        )


def _public(path: Path) -> bytes | None:
    """The public half next to a key file, which can be read even where the key is encrypted."""
    try:
        return base64.b64decode(Path(f"{path}.pub").read_text(encoding="utf-8").split()[1])
    except (OSError, ValueError, IndexError):
        return None
