"""``datastore``: where K3s keeps the cluster's state."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from edgeboot.errors import BadInput
from edgeboot.inventory.files import private
from edgeboot.inventory.model import Datastore, DatastoreKind
from edgeboot.inventory.secrets import VARIABLE
from edgeboot.localio import bounded
from edgeboot.secret import Secret
from edgeboot.yaml.compound import Either, Made
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import TEXT, At, Choice
from edgeboot.yaml.values import Scalar, Value

_FILE_MAX = 64 << 10  # bytes
_SCHEMES = ("mysql", "postgres", "postgresql", "http", "https", "nats", "etcd")
_ENDPOINT = re.compile(rf"(?:{'|'.join(_SCHEMES)})://[!-~]+")
_UNQUOTABLE = frozenset("'\\")  # the environment file of K3s's service cannot carry them


def _endpoint(value: bytes, at: At) -> Secret:
    """Checked without a word of it in the message."""
    text = value.decode("utf-8", "replace")
    if not _ENDPOINT.fullmatch(text) or _UNQUOTABLE & set(text):
        schemes = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        hint = f"use one line: {schemes} and printable characters, no quote and no backslash"
        raise at.error(f"'{at.key}' does not lead to the endpoint of a datastore", hint)
    return Secret(value)


def _from_file(text: str, at: At) -> Secret:
    path = private(text, at)
    try:
        with bounded.opened(path) as file:
            return _endpoint(file.read(_FILE_MAX).strip(), at)
    except OSError as error:
        raise at.error(f"cannot read the file: {error.strerror}", "check its mode") from None


def _from_environment(name: str, at: At) -> Secret:
    value = os.environ.get(name)
    if not value:
        raise at.error(f"environment variable {name} is not set", f"run `export {name}=…` first")
    return _endpoint(value.strip().encode(), at)


FILE = optional(
    "endpoint-file", Made(TEXT, _from_file), "A file with its URL; only its owner may read it."
)
ENV = optional("endpoint-env", Made(VARIABLE, _from_environment), "The variable with its URL.")


def _one_place(values: Values) -> Iterator[BadInput]:
    if values.has(FILE) == values.has(ENV):
        what = "'datastore' needs exactly one of 'endpoint-file' and 'endpoint-env'"
        hint = "write 'endpoint-file: FILE', or 'endpoint-env: NAME'"
        yield BadInput(what, where=values.mapping.where(), hint=hint)


SECTION = Section(
    (FILE, ENV),
    lambda v: Datastore(DatastoreKind.EXTERNAL, v[FILE] or v[ENV]),
    rules=(_one_place,),
    ref="datastore",
)


class _Kind(Choice):
    """``sqlite`` or ``etcd``; an endpoint written here is not repeated in the message."""

    def read(self, value: Value, at: At) -> str:
        """The kind."""
        if isinstance(value, Scalar) and "://" in value.source:
            hint = "put it into a file that only you can read, and write 'endpoint-file: FILE'"
            raise at.error("secrets are not allowed in an inventory", hint)
        return super().read(value, at)


def _datastore(value: str | Datastore, _at: At) -> Datastore:
    return value if isinstance(value, Datastore) else Datastore(DatastoreKind(value))


DATASTORE = Made(
    Either(_Kind((DatastoreKind.SQLITE.value, DatastoreKind.ETCD.value), "datastore"), SECTION),
    _datastore,
)
