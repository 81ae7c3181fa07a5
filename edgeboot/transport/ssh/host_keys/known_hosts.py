"""The known_hosts format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): reading it, adding to it.

Not read by paramiko, which supports neither markers (``@revoked``) nor wildcards.
"""

from __future__ import annotations

import base64
import fcntl
import fnmatch
import hashlib
import hmac
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.localio import atomic, bounded, directories, disk_space


@dataclass(frozen=True)
class KnownKey:
    """One line: the hosts, their key, and where the line is."""

    patterns: tuple[str, ...]
    key_type: str
    blob: bytes
    revoked: bool
    where: str

    def names(self, name: str) -> bool:
        """Whether the line applies to a host, given as ``host`` or ``[host]:port``."""
        if any(p.startswith("!") and _matches(p[1:], name) for p in self.patterns):
            return False
        return any(_matches(p, name) for p in self.patterns)


def fingerprint(blob: bytes) -> str:
    """``SHA256:…`` as OpenSSH prints it."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def as_text(key: KnownKey) -> str:
    """A key as written in known_hosts and in inventories: ``ssh-ed25519 AAAA…``."""
    return f"{key.key_type} {base64.b64encode(key.blob).decode()}"


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in pattern[3:].split("|"))
        except ValueError:
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)
    # fnmatch would take "[host]:port" for a set of characters.
    return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))


def read(paths: Iterable[Path]) -> tuple[KnownKey, ...]:
    """All keys of the files that exist; unusable lines are skipped, as ssh does."""
    return tuple(key for path in paths for key in _read_one(path))


def _read_one(path: Path) -> Iterator[KnownKey]:
    try:
        lines = _content(path).decode("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BadInput(
            f"cannot read known hosts: {error.strerror}",
            where=str(path),
            hint=f"make it readable: ls -l {shlex.quote(str(path))}",
        ) from error
    for number, line in enumerate(lines, 1):
        key = _parse(line.split(), f"{path}:{number}")
        if key:
            yield key


def _content(path: Path) -> bytes:
    with bounded.opened(path) as file:
        return file.read()


def _parse(words: list[str], where: str) -> KnownKey | None:
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#") or marker not in {"", "@revoked"}:
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except ValueError:
        return None
    return KnownKey(tuple(words[0].split(",")), words[1], blob, marker == "@revoked", where)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other edgeboot processes from adding to the same file."""
    directories.made(path.parent)
    lock_file = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_space.failed(lock_file, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def add(path: Path, name: str, key_type: str, blob: bytes) -> None:
    """Adds a line, atomically and with mode 0600; call it while ``locked``."""
    try:
        before = _content(path) if path.exists() else b""
    except OSError as error:
        raise disk_space.failed(path, error) from error
    if before and not before.endswith(b"\n"):
        before += b"\n"
    line = f"{name} {key_type} {base64.b64encode(blob).decode()}\n"
    atomic.write(path, before + line.encode(), mode=0o600)
