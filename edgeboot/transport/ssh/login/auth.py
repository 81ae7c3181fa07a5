"""Logs in with the agent's keys, key files, certificates, then a password if one is wanted.

paramiko's own order tries every agent key before failing on the sixth, reports only the last
failure and dies of a configured key file that does not exist.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import paramiko
from paramiko.pkey import PublicBlob, UnknownKeyType

from edgeboot.errors import BadInput, Unreachable
from edgeboot.localio import bounded
from edgeboot.localio.directories import expanded
from edgeboot.secret import Secret
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import Hop

_PUBLIC_MAX = 64 << 10  # bytes
_DEFAULT_FILES = ("id_ed25519", "id_ecdsa", "id_rsa")
_KEYS_BEFORE_PASSWORD = 3  # sshd hangs up after six attempts (MaxAuthTries); leave some
_AGENT_SECONDS = 60.0  # it may ask somebody to confirm the use of a key
_INTERACTIVE = "keyboard-interactive"


class LoginFailed(Unreachable):
    """The host answers and its key is trusted, but it accepts none of our keys or passwords."""

    error_id = "login-failed"


class HungUp(Unreachable):
    """The host ended the login while the operator was typing; another attempt may work."""


@dataclass
class Login:
    """An ``auth_strategy`` for ``SSHClient.connect``: keys in OpenSSH's order, then a password."""

    hop: Hop
    credentials: Credentials
    _locked: list[Path] = field(default_factory=list)
    _tried: int = 0
    _ways: set[str] = field(default_factory=set)  # what the server offers to go on with
    _refusal: str | None = None  # what came of the password

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Logs in, or raises ``Unreachable`` saying what was tried."""
        agent = _agent(self.hop.agent)
        try:
            done = self._by_key(transport, agent.get_keys())
        finally:
            agent.close()
        if not done and not self._by_password(transport):
            raise self._failure()

    def _by_key(
        self, transport: paramiko.Transport, agent_keys: tuple[paramiko.AgentKey, ...]
    ) -> bool:
        for key in self._keys(agent_keys):
            if self.hop.password and self._tried == _KEYS_BEFORE_PASSWORD:
                return False
            self._tried += 1
            try:
                still_needed = transport.auth_publickey(self.hop.user, key)
            except paramiko.BadAuthenticationType as error:
                self._ways = set(filter(None, error.allowed_types))
                return False
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error):  # another key would wait as long again
                    raise self._silence() from error
                if not transport.is_active():
                    return False
                continue
            if not still_needed:
                return True
            self._ways = set(still_needed)
            if "publickey" not in self._ways:
                return False
        return False

    def _keys(self, agent_keys: tuple[paramiko.AgentKey, ...]) -> Iterator[paramiko.PKey]:
        for key in self._plain_keys(agent_keys):
            yield from self._with_certificates(key)

    def _plain_keys(self, agent_keys: tuple[paramiko.AgentKey, ...]) -> Iterator[paramiko.PKey]:
        files = self.hop.keys or tuple(expanded("~/.ssh") / n for n in _DEFAULT_FILES)
        listed = {blob for path in files if (blob := _public(path))}
        yield from (k for k in agent_keys if k.asbytes() in listed)
        if self.hop.key_given:  # what the inventory names comes before what the agent holds
            yield from self._from_files(files, agent_keys)
        if not self.hop.agent_only_listed:
            yield from (k for k in agent_keys if k.asbytes() not in listed)
        if not self.hop.key_given:
            yield from self._from_files(files, agent_keys)
        for path in self._locked:  # last, so that nobody types what is not needed
            key = self.credentials.key(path, self.hop.where)
            if key is not None:
                yield key

    def _from_files(
        self, files: tuple[Path, ...], agent_keys: tuple[paramiko.AgentKey, ...]
    ) -> Iterator[paramiko.PKey]:
        in_agent = {k.asbytes() for k in agent_keys}
        for path in files:
            if _public(path) in in_agent:
                continue
            try:
                bounded.check(path)  # opening a pipe would wait for its writer
                yield paramiko.PKey.from_path(path)
            except FileNotFoundError:
                if self.hop.key_given:
                    raise BadInput(f"no such key: {path}", where=self.hop.node) from None
            # cryptography raises TypeError for a key with a passphrase
            except (TypeError, paramiko.PasswordRequiredException):
                self._locked.append(path)
            except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
                if self.hop.key_given:
                    raise BadInput(f"key {path}: {error}", where=self.hop.node) from error

    def _with_certificates(self, key: paramiko.PKey) -> Iterator[paramiko.PKey]:
        """The key as each of its certificates shows it, then as itself, as ssh does.

        paramiko loads ``KEY-cert.pub`` beside a key file by itself, and would offer nothing else.
        """
        if key.public_blob:
            yield key
        for path in self.hop.certificates:
            blob = _certificate(path, key)
            if blob is not None:
                key.public_blob = blob
                yield key
        key.public_blob = None
        yield key

    def _by_password(self, transport: paramiko.Transport) -> bool:
        if not self.hop.password or not transport.is_active():
            return False
        ways = self._ways or self._offered(transport)
        way = next((way for way in ("password", _INTERACTIVE) if way in ways), None)
        if way is not None:
            shared = self.credentials.password(f"Password of {self.hop.password}")
            attempt = partial(self._attempt, transport, way)
            self._refusal = shared.use(self.hop.where, attempt)
        return transport.is_authenticated()

    def _offered(self, transport: paramiko.Transport) -> set[str]:
        """The ways the server names when nothing is offered to it."""
        try:
            transport.auth_none(self.hop.user)
        except paramiko.BadAuthenticationType as error:
            self._ways = set(filter(None, error.allowed_types))
        return self._ways

    def _attempt(self, transport: paramiko.Transport, way: str, secret: Secret) -> bool:
        if not transport.is_active():  # sshd gives two minutes and a few attempts to log in
            raise HungUp("it hung up before the password was entered", hint="rerun the command")
        password = secret.value.decode("utf-8", "surrogateescape")
        try:
            if way == "password":
                still = transport.auth_password(self.hop.user, password, fallback=False)
            else:
                still = transport.auth_interactive(self.hop.user, _Answers(password))
        except paramiko.AuthenticationException as error:
            if "timeout" in str(error):
                raise self._silence() from error
            return False
        except paramiko.SSHException as error:
            if "Too many authentication failures" in str(error):
                return False
            raise
        self._ways = set(still)
        return True

    def _silence(self) -> Unreachable:
        return Unreachable(
            "it stopped answering during the login",
            where=self.hop.where,
            hint="check its load and its log (journalctl -u ssh), then rerun the command",
        )

    def _failure(self) -> LoginFailed:
        hop = self.hop
        port = f" -p {hop.port}" if hop.port != 22 else ""
        copy = f"ssh-copy-id{port} {hop.user}@{hop.host}"
        hint = f"install your key: {copy}"
        if self._locked:
            hint = f"{self._locked[0]} has a passphrase: load it into the agent with ssh-add"
        what = "the host accepted none of the keys" if self._tried else "no SSH key found"
        others = self._ways - {"publickey"}
        if self._refusal:
            what, hint = self._refusal, "check the user and the password, then rerun the command"
        elif others and "publickey" not in self._ways:
            what = f"the host does not accept keys alone; it asks for {', '.join(sorted(others))}"
            hint = "use --ask-pass or `ssh: {password: ask}`, or allow PubkeyAuthentication there"
        elif not hop.password:
            if not self._locked:
                hint = f"check that {hop.user} is the user there (`ssh: {{user: …}}`); {hint}"
            if others or not self._ways:  # what it offers is not known after a key was tried
                hint += f"; or, if {hop.user} has a password there: --ask-pass"
        return LoginFailed(f"login failed: {what}", where=hop.where, hint=hint)


class _Agent(paramiko.agent.AgentSSH):
    """The agent at a socket of its own; without a path, or with none listening, it has no keys."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        if path == Path():
            return
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(_AGENT_SECONDS)
        try:
            sock.connect(str(path))
            self._connect(sock)  # type: ignore[attr-defined] # the stubs leave it out
        except (OSError, paramiko.SSHException):  # ssh goes on without it, too
            sock.close()

    def close(self) -> None:
        """Ends the connection to the agent."""
        self._close()  # type: ignore[attr-defined]


def _agent(path: Path | None) -> _Agent | paramiko.Agent:
    return paramiko.Agent() if path is None else _Agent(path)


class _Answers:
    """Answers one hidden prompt with the password, and no other: never twice the same secret."""

    def __init__(self, password: str) -> None:
        self._left = [password]

    def __call__(
        self, _title: str, _instructions: str, prompts: list[tuple[str, bool]]
    ) -> list[str]:
        return [self._left.pop() if self._left and not shown else "" for _, shown in prompts]


def _public(path: Path) -> bytes | None:
    """The public half next to a key file, which can be read even where the key is encrypted."""
    try:
        with bounded.opened(Path(f"{path}.pub")) as file:
            return base64.b64decode(file.read(_PUBLIC_MAX).split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _certificate(path: Path, key: paramiko.PKey) -> PublicBlob | None:
    """The certificate in a file if it is about this key: it repeats the key's public numbers."""
    name = key.get_name()
    try:
        blob = PublicBlob.from_file(str(path))
    except (OSError, ValueError, IndexError):
        return None
    numbers = key.asbytes()[4 + len(name) :]
    return blob if blob.key_type.startswith(name) and numbers in blob.key_blob else None
