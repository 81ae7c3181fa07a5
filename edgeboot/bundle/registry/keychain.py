"""Credentials for registries, from Docker's configuration and credential helpers.

The order is Docker's: ``credHelpers``, ``credsStore``, ``auths``. Secrets are never in command
lines: helpers read the host from standard input and print the credential to standard output.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle.http.client import basic as http_basic
from edgeboot.bundle.registry.hosts import DOCKER_HUB
from edgeboot.errors import BadInput
from edgeboot.localio import bounded
from edgeboot.secret import Secret

_CONFIG_MAX = 1 << 20
_HELPER_SECONDS = 60
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = (_HUB_KEY, "index.docker.io", "docker.io", "registry-1.docker.io")
_NOT_FOUND = "credentials not found"  # printed by every helper; Docker checks for it, too


@dataclass(frozen=True)
class Credential:
    """A user and password, or an identity token (``user`` None); ``source`` is for messages."""

    user: str | None
    secret: Secret
    source: str

    def __str__(self) -> str:
        return f"{self.user or 'an identity token'} from {self.source}"


class Keychain:
    """The credentials in Docker's configuration."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()

    def credential(self, host: str) -> Credential | None:
        """Return the credential of a registry, or None.

        Raises BadInput if the configuration is invalid or a helper fails.
        """
        config = self._load()
        helpers, store = _mapping(config, "credHelpers"), config.get("credsStore")
        for key in _keys(host):
            if isinstance(name := helpers.get(key), str):
                return self._ask(name, key)
        if isinstance(store, str) and store:
            for key in _keys(host):
                if (found := self._ask(store, key)) is not None:
                    return found
        return self._written(_mapping(config, "auths"), host)

    def _load(self) -> Mapping[str, object]:
        try:
            with bounded.opened(self._path) as file:
                data = file.read(_CONFIG_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadInput(f"cannot read {self._path}: {error.strerror}") from error
        try:
            config = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{self._path} is not valid JSON") from error
        return config if isinstance(config, dict) else {}

    def _written(self, auths: Mapping[str, object], host: str) -> Credential | None:
        wanted = _keys(host)
        for key, entry in auths.items():
            if (key in wanted or _host_of(key) in wanted) and isinstance(entry, dict):
                found = self._entry(entry, f"{self._path} ({key})")
                if found is not None:
                    return found
        return None

    def _entry(self, entry: Mapping[str, object], source: str) -> Credential | None:
        token = entry.get("identitytoken")
        if isinstance(token, str) and token:
            return Credential(None, Secret(token.encode()), source)
        user, password = entry.get("username"), entry.get("password")
        packed = entry.get("auth")
        if isinstance(packed, str) and packed:
            try:
                text = base64.b64decode(packed).decode()
            except (binascii.Error, UnicodeDecodeError, ValueError) as error:
                raise BadInput(f"{source}: its 'auth' is not base64 of user:password") from error
            user, _, password = text.rstrip("\0").partition(":")
        if isinstance(user, str) and user and isinstance(password, str):
            return Credential(user, Secret(password.encode()), source)
        return None

    def _ask(self, name: str, key: str) -> Credential | None:
        if not _HELPER.fullmatch(name):
            raise BadInput(f"{self._path} names an invalid credential helper {name[:60]!r}")
        program = f"docker-credential-{name}"
        try:
            done = subprocess.run(
                [program, "get"],
                input=key.encode(),
                capture_output=True,
                timeout=_HELPER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = getattr(error, "strerror", None) or "it timed out"
            hint = f"install it, or remove it from {self._path}"
            raise BadInput(f"cannot run {program} for {key}: {problem}", hint=hint) from error
        if done.returncode:
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
            if _NOT_FOUND in said:
                return None
            hint = f"log in again, or run `{program} get` to find the cause"
            raise BadInput(f"{program} failed for {key} (exit code {done.returncode})", hint=hint)
        return self._answer(done.stdout, program)

    @staticmethod
    def _answer(data: bytes, program: str) -> Credential | None:
        try:
            answer = json.loads(data)
            user, secret = answer["Username"], answer["Secret"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput(f"{program} printed invalid output") from error
        if not (isinstance(user, str) and isinstance(secret, str) and secret):
            return None
        return Credential(None if user == "<token>" else user, Secret(secret.encode()), program)


def default_path() -> Path:
    """Return ``config.json`` in ``$DOCKER_CONFIG``, by default in ``~/.docker``."""
    directory = os.environ.get("DOCKER_CONFIG", "")
    return (Path(directory) if directory else Path.home() / ".docker") / "config.json"


def _keys(host: str) -> tuple[str, ...]:
    return _HUB_NAMES if host == DOCKER_HUB else (host, f"https://{host}")


def _host_of(key: str) -> str:
    """Strip scheme and path from a key such as ``https://registry.example/v2/``."""
    return key.partition("://")[2].partition("/")[0] or key.partition("/")[0]


def _mapping(config: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def basic(credential: Credential) -> str | None:
    """Return the value of an Authorization header; None for an identity token."""
    if credential.user is None:
        return None
    return http_basic(credential.user, credential.secret.value)
