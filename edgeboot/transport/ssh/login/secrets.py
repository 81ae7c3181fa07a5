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

ATTEMPTS = 3  # of a person, as ssh and sudo give

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
        self._rejected_by: str | None = None
        self._tries = 0

    def ask(self) -> Secret | None:
        """The password; the question is put once, whatever the answer."""
        with self._lock:
            return self._answer()

    def use(self, where: str, attempt: Callable[[Secret], bool]) -> str | None:
        """None where the host took the password, else why not.

        A wrong one is asked for again, and proved on the same host: other hosts see none of them.
        """
        with self._lock:
            while not self._proved:
                if self._rejected_by and (self._tries == ATTEMPTS or self._answer() is None):
                    return self._refusal()
                secret = self._answer()
                if secret is None:
                    return "the host asks for a password, and none was entered"
                self._proved = attempt(secret)
                if self._proved:
                    return None
                self._tries += 1
                self._rejected_by, self._asked = where, False
            secret = self._answer()
        if secret is not None and attempt(secret):
            return None
        return "the host rejected the password, which others accepted"

    def _refusal(self) -> str:
        """The same for every host: it is one cause."""
        times = "once" if self._tries == 1 else f"{self._tries} times"
        return f"{self._rejected_by} rejected the password {times}; no other host was tried"

    def _answer(self) -> Secret | None:
        if not self._asked:
            question = self._question
            if self._tries:
                question = (
                    f"{self._rejected_by} rejected the password.\n"
                    f"{question} (attempt {self._tries + 1} of {ATTEMPTS})"
                )
            self._secret = self._ask(question)
            self._asked = True
        return self._secret


class Credentials:
    """Everything the operator was asked for, shared by all connections of a run."""

    def __init__(self, ask: Ask = nobody) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._passwords: dict[str, SharedPassword] = {}
        self._keys: dict[Path, paramiko.PKey | None] = {}
        self._wrong: set[Path] = set()

    def password(self, question: str) -> SharedPassword:
        """The one password that a question is about."""
        with self._lock:
            return self._passwords.setdefault(question, SharedPassword(question, self._ask))

    def key(self, path: Path, login: str) -> paramiko.PKey | None:
        """A key file with a passphrase; None where it was not given. ``BadInput`` if wrong.

        ``login`` says what the key is for. The question is put once a run, whatever the answer.
        """
        with self._lock:
            if path not in self._keys:
                self._keys[path] = self._asked_key(path, login)
            if path in self._wrong:
                raise BadInput(
                    f"wrong passphrase for key {path}",
                    hint="rerun the command, or load the key with ssh-add first",
                )
            return copy.copy(self._keys[path])

    def _asked_key(self, path: Path, login: str) -> paramiko.PKey | None:
        question = f"Passphrase of {path}, to log in as {login}"
        for attempt in range(1, ATTEMPTS + 1):
            again = f"wrong passphrase.\n{question} (attempt {attempt} of {ATTEMPTS})"
            passphrase = self._ask(question if attempt == 1 else again)
            if passphrase is None:
                return None
            key = _opened(path, passphrase)
            if key is not None:
                return key
        self._wrong.add(path)
        return None


def _opened(path: Path, passphrase: Secret) -> paramiko.PKey | None:
    try:
        # By position: paramiko 5 renamed the argument. Its stubs say str, cryptography wants bytes.
        return paramiko.PKey.from_path(path, passphrase.value)  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, paramiko.SSHException):
        return None
