"""Secrets an inventory points to and never holds: ``{file: PATH}`` or ``{env: NAME}``.

A file is checked when the inventory is read; an environment variable only when its value is
needed, since `edgeboot status` and the like need none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.files import PRIVATE_FILE
from edgeboot.localio import bounded
from edgeboot.secret import Secret
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import At, Schema, Text
from edgeboot.yaml.values import Scalar, Value

MAX_BYTES = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is; exactly one of ``path`` and ``variable`` is set."""

    path: Path | None
    variable: str | None
    where: str  # file:line of the reference


def _variable(text: str) -> str:
    if _VARIABLE.fullmatch(text):
        return text
    raise ValueError("use letters, digits and underscores")


VARIABLE = Text(_variable, "variable name", f"^{_VARIABLE.pattern}$")
FILE = optional("file", PRIVATE_FILE, "A file that only its owner may read.")
ENV = optional("env", VARIABLE)


def _one_of_two(values: Values) -> Iterator[BadInput]:
    if values.has(FILE) == values.has(ENV):
        what = f"{values.owner} needs exactly one of 'file' and 'env'"
        yield BadInput(what, where=values.mapping.where(), hint="write {file: PATH} or {env: NAME}")


_REFERENCE = Section(
    (FILE, ENV),
    lambda v: SecretRef(v[FILE], v[ENV], v.mapping.where()),
    rules=(_one_of_two,),
)


@dataclass(frozen=True)
class _Reference:
    """A reference to a secret; messages do not repeat what was written in its place."""

    def read(self, value: Value, at: At) -> SecretRef:
        """The reference."""
        if isinstance(value, Scalar):
            raise no_secrets(at)
        return _REFERENCE.read(value, at)

    def accepts(self, value: Value) -> bool:
        """Mappings."""
        return _REFERENCE.accepts(value)

    @property
    def schema(self) -> Schema:
        """A mapping with one of the two keys."""
        schema = {k: v for k, v in _REFERENCE.schema.items() if k != "required"}
        description = "A secret: a file of mode 0600, relative to the inventory, or a variable."
        return {"description": description, **schema, "minProperties": 1, "maxProperties": 1}


REFERENCE = _Reference()


def no_secrets(at: At) -> BadInput:
    """The error about a secret that was written into the inventory."""
    hint = f"write '{at.key}: {{file: PATH}}' or '{at.key}: {{env: NAME}}', and change the secret"
    return at.error("secrets are not allowed in an inventory", hint)


def read(ref: SecretRef) -> Secret:
    """The secret itself, without the line end that editors add; BadInput where there is none."""
    if ref.path is not None:
        try:
            with bounded.opened(ref.path) as file:
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
