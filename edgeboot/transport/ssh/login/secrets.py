"""Passphrases and passwords of the operator. Each is asked for once in a run.

A password for a whole fleet is proved on one host before the others get to see it: where accounts
are central, twenty hosts trying the same wrong one would lock the operator out.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko

from edgeboot.errors import BadInput
from edgeboot.secret import Secret

Ask = Callable[[str], Secret | None]  # a question to the operator; None where nobody can answer


def nobody(_question: str) -> None:
    """Answers nothing: for runs without a terminal."""


class SharedPassword:
    """One password, and what the hosts made of it."""

    def __init__(self, question: str, ask: Ask) -> None:
        self._question = question
        self._ask = ask
        self._lock = threading.Lock()
        self._secret: Secret | None = None
        self._asked = False
        self._proved = False
        self._refused_by: str | None = None

    def ask(self) -> Secret | None:
        """The password; the question is put once, whatever the answer."""
        with self._lock:
            return self._answer()

    def use(self, where: str, attempt: Callable[[Secret], bool]) -> str | None:
        """None where the host took the password, else why not; it is attempted at most once."""
        with self._lock:
            secret = self._answer()
            if secret is None:
                return "the host asks for a password, and standard input is not a terminal"
            if self._refused_by:
                return f"the password was not tried: {self._refused_by} rejected it"
            if not self._proved:
                self._proved = attempt(secret)
                self._refused_by = None if self._proved else where
                return None if self._proved else "the host rejected the password (one attempt)"
        return None if attempt(secret) else "the host rejected the password, which others accepted"

    def _answer(self) -> Secret | None:
        if not self._asked:
            self._secret = self._ask(self._question)
            self._asked = True
        return self._secret


class Credentials:
    """Everything the operator was asked for, shared by all connections of a run."""

    def __init__(self, ask: Ask = nobody) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._passwords: dict[str, SharedPassword] = {}
        self._keys: dict[Path, paramiko.PKey | None] = {}

    def password(self, question: str) -> SharedPassword:
        """The one password that a question is about."""
        with self._lock:
            return self._passwords.setdefault(question, SharedPassword(question, self._ask))

    def key(self, path: Path) -> paramiko.PKey | None:
        """A key file with a passphrase; None where it was not given. ``BadInput`` if wrong."""
        with self._lock:
            if path not in self._keys:
                self._keys[path] = None
                passphrase = self._ask(f"Passphrase of {path}")
                if passphrase is not None:
                    self._keys[path] = _opened(path, passphrase)
            return copy.copy(self._keys[path])


def _opened(path: Path, passphrase: Secret) -> paramiko.PKey:
    try:
        # By position: paramiko 5 renamed the argument. Its stubs say str, cryptography wants bytes.
        return paramiko.PKey.from_path(path, passphrase.value)  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
        raise BadInput(
            f"wrong passphrase for key {path}",
            hint="rerun the command, or load the key with ssh-add first",
        ) from error
