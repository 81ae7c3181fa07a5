"""Merges a cluster's kubeconfig into an existing one, and keeps everything else in it.

Three entries of one name (cluster, user, context) are ours. An existing entry of that name is
replaced only if it belongs to this cluster: same CA or same server. kubectl's own lock file is
respected, and the file as it was before the first merge is kept beside it.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeboot.errors import BadInput, Refused
from edgeboot.lifecycle.kubeconfig.fetch import save
from edgeboot.localio import bounded, directories, disk_space
from edgeboot.localio.directories import expanded
from edgeboot.yaml import verbatim

_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_LOCK_SECONDS = 5.0
BACKUP = ".before-edgeboot"


def target() -> Path:
    """Where kubectl would write: the first file of ``$KUBECONFIG``, else ``~/.kube/config``."""
    for part in os.environ.get("KUBECONFIG", "").split(os.pathsep):
        if part:
            return Path(part)
    return expanded("~/.kube/config")


def merge_into(path: Path, ours: bytes, *, use: bool, force: bool) -> Path | None:
    """Merges ``ours`` into the file; returns the backup if this call made one.

    A symbolic link is followed, not replaced.
    """
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as error:  # a symbolic link to itself
        raise BadInput(
            "cannot follow its symbolic links", where=str(path), hint="name another file"
        ) from error
    directories.made(path.parent)
    with _locked(path):
        before = _read(path)
        after = merged(before, ours, where=str(path), use=use, force=force)
        backup = path.with_name(path.name + BACKUP)
        first = bool(before) and not backup.exists()
        if first:
            save(before, backup)
        save(after, path)
    return backup if first else None


def merged(existing: bytes, ours: bytes, *, where: str, use: bool, force: bool) -> bytes:
    """``existing`` with the cluster, user and context of ``ours``; pure.

    The current context stays unless ``use``; an empty file becomes ``ours``. ``Refused`` where the
    name belongs to something else and ``force`` is not given.
    """
    new = verbatim.parse(ours)
    name = str(new["current-context"])
    document = _document(existing, where)
    if document is None:
        return ours
    have = {section: _entry(document, section, name, where) for section in _SECTIONS}
    if not force and any(have.values()) and not _same_cluster(have, new):
        raise Refused(
            f"{where} already has an entry {name!r} that belongs to another cluster",
            error_id="kubeconfig-conflict",
            hint="choose another name with `--context NAME`, or replace the entry with `--force`",
        )
    for section, key in _SECTIONS.items():
        entry = new[section][0]
        old = have[section]
        if old is None:
            document[section].append(entry)
        elif section == "contexts" and isinstance(old.get(key), dict):
            old[key] |= entry[key]  # a namespace that was chosen stays
        else:
            old[key] = entry[key]
    if use:
        document["current-context"] = name
    return verbatim.dump(document)


def _document(existing: bytes, where: str) -> dict[str, Any] | None:
    """The file with all three lists in it; None if it is empty."""
    try:
        document = verbatim.parse(existing)
    except ValueError as error:
        raise _unusable(where, str(error)) from error
    if document is None:
        return None
    if not isinstance(document, dict):
        raise _unusable(where, "it is not a mapping")
    for section in _SECTIONS:
        if document.get(section) in (None, "null", "~", ""):
            document[section] = []
        if not isinstance(document[section], list):
            raise _unusable(where, f"'{section}' is not a list")
    return document


def _unusable(where: str, why: str) -> BadInput:
    return BadInput(f"not a kubeconfig: {why}", where=where, hint="fix it, or name another file")


def _entry(document: dict[str, Any], section: str, name: str, where: str) -> dict[str, Any] | None:
    for entry in document[section]:
        if not isinstance(entry, dict):
            raise _unusable(where, f"an entry of '{section}' is not a mapping")
        if entry.get("name") == name:
            return entry
    return None


def _same_cluster(have: dict[str, dict[str, Any] | None], new: dict[str, Any]) -> bool:
    """Whether the existing cluster, user and context belong to the cluster that is merged."""
    cluster, user, context = (have[section] for section in _SECTIONS)
    name = new["current-context"]
    theirs = (cluster or {}).get("cluster")
    mine = new["clusters"][0]["cluster"]
    if not isinstance(theirs, dict) or not any(
        theirs.get(key) == mine[key] for key in ("certificate-authority-data", "server")
    ):
        return False
    refers = (context or {}).get("context")
    if not isinstance(refers, dict):
        return user is None and context is None
    return bool(refers.get("cluster") == name and refers.get("user") == name)


def _read(path: Path) -> bytes:
    try:
        with bounded.opened(path) as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise BadInput(
            f"cannot read it: {error.strerror}", where=str(path), hint="name another file"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock file that kubectl holds while it writes (client-go, clientcmd/loader.go)."""
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                hint = f"wait; or, if neither is running: rm {shlex.quote(str(lock))}"
                raise Refused(
                    "kubectl or another edgeboot is writing to it", where=str(path), hint=hint
                ) from None
            time.sleep(0.1)
        except OSError as error:
            raise disk_space.failed(path, error) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
