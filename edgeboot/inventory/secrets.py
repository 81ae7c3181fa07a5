"""Secrets an inventory points to and never holds: ``{file: PATH}`` or ``{env: NAME}``.

A file is looked at as soon as the inventory is read; an environment variable only when its value
is needed, since `edgeboot status` and the like need none.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.secret import Secret
from edgeboot.yaml.reader import Reader, Scalar
from edgeboot.yaml.wording import quoted

MAX_BYTES = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYS = ("file", "env")
SCHEMA = {
    "description": "A secret: a file of mode 0600, relative to the inventory, or a variable.",
    "type": "object",
    "properties": {
        "file": {"type": "string", "description": "A file that only its owner may read."},
        "env": {"type": "string", "pattern": f"^{_VARIABLE.pattern}$"},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is to be had; exactly one of ``path`` and ``variable`` is set."""

    path: Path | None
    variable: str | None
    where: str  # file:line of the reference


def reference(reader: Reader, key: str, base: Path) -> SecretRef | None:
    """The reference under a key; what stands there in its place is not repeated in a message."""
    value = reader.value(key)
    if value is None:
        return None
    if isinstance(value, Scalar):
        hint = f"write '{key}: {{file: PATH}}' or '{key}: {{env: NAME}}'; change what stood here"
        raise reader.error(key, "an inventory holds no secrets", hint)
    inner = reader.mapping(key).reader(KEYS, f"'{key}' of {reader.what}")
    given = [name for name in KEYS if inner.has(name)]
    if len(given) != 1:
        raise reader.error(key, f"'{key}' of {reader.what} needs one of 'file' and 'env'")
    where = reader.top.where(key)
    if given == ["env"]:
        name = inner.text("env")
        if not _VARIABLE.fullmatch(name):
            raise inner.error("env", f"{quoted(name)} cannot name a variable")
        return SecretRef(None, name, where)
    return SecretRef(private_file(inner, "file", base), None, where)


def private_file(reader: Reader, key: str, base: Path) -> Path:
    """A file with a secret in it: it exists, and nobody but its owner may read it."""
    path = existing_file(reader, key, base)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        what = f"{quoted(str(path))} holds a secret and has mode {mode:04o}"
        raise reader.error(key, what, f"`chmod 600 {path}`, and change the secret if it leaked")
    return path


def existing_file(reader: Reader, key: str, base: Path) -> Path:
    """A file of the operator's, relative to the inventory."""
    text = reader.text(key)
    if not text.isprintable():
        raise reader.error(key, f"{quoted(text)} cannot be a path")
    try:
        path = base / Path(text).expanduser()
    except RuntimeError:
        raise reader.error(key, f"no such user in {quoted(text)}") from None
    if not path.is_file():
        raise reader.error(key, f"no file {quoted(str(path))}", "paths begin at the inventory")
    if not os.access(path, os.R_OK):
        raise reader.error(key, f"{quoted(str(path))} is not yours to read", "see its owner")
    return path


def read(ref: SecretRef) -> Secret:
    """The secret itself, without the line end that editors add; BadInput where there is none."""
    if ref.path is not None:
        try:
            with ref.path.open("rb") as file:
                value = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise BadInput(f"cannot read {ref.path}: {error.strerror}", where=ref.where) from error
    else:
        value = os.environ.get(ref.variable or "", "").encode()
    value = value.rstrip(b"\r\n")
    if not value or len(value) > MAX_BYTES:
        name = ref.path or f"the environment variable {ref.variable}"
        state = "is empty" if ref.path or ref.variable in os.environ else "is not set"
        raise BadInput(
            f"{name} {state if not value else 'is too long for a secret'}",
            where=ref.where,
            hint=f"`export {ref.variable}=…`" if ref.variable else "put the secret into it",
        )
    return Secret(value)
