"""Files of the operator's that an inventory names; their paths are relative to it.

They are read with the inventory, so that a missing one is an error with a line, and not a surprise
halfway through an installation.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.localio import bounded
from edgeboot.yaml.compound import Made
from edgeboot.yaml.types import TEXT, At
from edgeboot.yaml.wording import quoted

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class TextFile:
    """A file and what it says."""

    path: Path
    text: str = field(repr=False)


def path_of(text: str, at: At) -> Path:
    """The path a text means."""
    if not text.isprintable() or not text:
        raise at.error(f"invalid path {quoted(text)}", "use printable characters only")
    try:
        return at.base / Path(text).expanduser()
    except RuntimeError:
        raise at.error(f"no such user in {quoted(text)}", "write the full path") from None


def is_file(path: Path) -> bool:
    """Whether a regular file can be at a path; False also for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def existing(text: str, at: At) -> Path:
    """A file that is there and can be read."""
    path = path_of(text, at)
    if not is_file(path):
        hint = "correct the path; relative paths start at the inventory"
        raise at.error(f"no file {quoted(str(path))}", hint)
    if not os.access(path, os.R_OK):
        raise at.error(f"cannot read {quoted(str(path))}", "check its owner and mode")
    return path


def private(text: str, at: At) -> Path:
    """A file with a secret, which only its owner may read."""
    path = existing(text, at)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        what = f"{quoted(str(path))} holds a secret and has mode {mode:04o}"
        raise at.error(what, f"chmod 600 {shlex.quote(str(path))}")
    return path


def content(text: str, at: At) -> bytes:
    """The bytes of a file."""
    path = path_of(text, at)
    try:
        with bounded.opened(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "correct the path; relative paths start at the inventory"
        raise at.error(f"cannot read {quoted(text)}: {reason}", hint) from None
    if len(data) > MAX_BYTES:
        hint = "carry large files in a bundle: `files` in bundle.yml"
        raise at.error(f"{quoted(text)} is larger than {MAX_BYTES >> 20} MiB", hint)
    return data


def _text_file(text: str, at: At) -> TextFile:
    path = existing(text, at)
    try:
        return TextFile(path, content(text, at).decode())
    except UnicodeDecodeError:
        raise at.error(f"{quoted(str(path))} is not UTF-8 text", "save it as UTF-8") from None


def _certificate(file: TextFile, at: At) -> TextFile:
    if "-----BEGIN CERTIFICATE-----" in file.text:
        return file
    hint = "use PEM; `openssl x509 -inform der` converts DER to PEM"
    raise at.error(f"no certificate in {quoted(str(file.path))}", hint)


TEXT_FILE = Made(TEXT, _text_file)
CERTIFICATE = Made(TEXT_FILE, _certificate)
PRIVATE_FILE = Made(TEXT, private)
CONTENT = Made(TEXT, content)
