"""Reads untrusted JSON: every access checks the type, and errors name the path."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from edgeboot.blob import is_sha256
from edgeboot.errors import Refused

_MAX_TEXT = 4096


@dataclass(frozen=True)
class Node:
    """One value of a JSON document; ``where`` is its path, such as ``index.json.manifests[0]``.

    Every method raises Refused, naming ``where``, if the value has another type.
    """

    value: object = field(repr=False)
    where: str

    def bad(self, problem: str) -> Refused:
        """Return the error for a problem with this value."""
        return Refused(f"{self.where} {problem}")

    def member(self, key: str) -> Node:
        """Return a required member of an object."""
        found = self.get(key)
        if found is None:
            raise self.bad(f"has no {key!r}")
        return found

    def get(self, key: str) -> Node | None:
        """Return a member of an object; None if it is absent or null."""
        if not isinstance(self.value, dict):
            raise self.bad("is not a JSON object")
        value = self.value.get(key)
        return None if value is None else Node(value, f"{self.where}.{key}")

    def only(self, known: Iterable[str]) -> Node:
        """Return this object; raises Refused if it has keys other than ``known``."""
        if not isinstance(self.value, dict):
            raise self.bad("is not a JSON object")
        for key in self.value:
            if key not in known:
                raise self.bad(f"has an unknown key {key[:40]!r}")
        return self

    def items(self, limit: int = 10_000) -> tuple[Node, ...]:
        """Return the elements of an array of at most ``limit`` elements."""
        if not isinstance(self.value, list):
            raise self.bad("is not a JSON array")
        if len(self.value) > limit:
            raise self.bad(f"has {len(self.value)} elements, more than {limit}")
        return tuple(Node(v, f"{self.where}[{i}]") for i, v in enumerate(self.value))

    def pairs(self) -> dict[str, str]:
        """Return an object whose values are all strings."""
        if not isinstance(self.value, dict):
            raise self.bad("is not a JSON object")
        return {k: Node(v, f"{self.where}.{k}").text() for k, v in self.value.items()}

    def text(self, limit: int = _MAX_TEXT) -> str:
        """Return a string of at most ``limit`` characters."""
        if not isinstance(self.value, str) or len(self.value) > limit:
            raise self.bad(f"is not a string of at most {limit} characters")
        return self.value

    def size(self, limit: int) -> int:
        """Return an integer from 0 to ``limit``."""
        if type(self.value) is not int or not 0 <= self.value <= limit:
            raise self.bad(f"is not an integer from 0 to {limit}")
        return self.value

    def hexdigest(self) -> str:
        """Return a SHA-256 in lower-case hexadecimal."""
        text = self.text()
        if not is_sha256(text):
            raise self.bad("is not a SHA-256 in lower-case hexadecimal")
        return text

    def digest(self) -> str:
        """Return the hexadecimal part of an OCI digest ``sha256:HEX``."""
        text = self.text()
        if not text.startswith("sha256:") or not is_sha256(text[7:]):
            raise self.bad(f"is {text[:80]!r}, not a sha256 digest")
        return text[7:]


def parse(data: bytes, where: str) -> Node:
    """Parse a document; returns its root. Raises Refused if it is not JSON in UTF-8."""
    try:
        return Node(json.loads(data.decode("utf-8")), where)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} is not valid JSON: {str(error)[:120]}") from error


def canonical(document: object) -> bytes:
    """Encode canonically: sorted keys, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
