"""``bundle.lock``: the exact versions and digests behind a spec, stored next to it.

A pin records, for one input of a kind (``k3s``, ``images``, ``charts``, ``files`` …), what the spec
asks for and what it resolved to. The document is canonical; a bundle records its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeboot import json_document
from edgeboot.errors import BadInput, Refused
from edgeboot.localio import atomic, bounded

FORMAT = 1
_MAX = 16 << 20
_HINT = (
    "run `edgeboot bundle update --dry-run` to see what changed, `edgeboot bundle update` to accept"
)


@dataclass(frozen=True)
class Pin:
    """One locked input: the request, and what it resolved to (names to versions or digests)."""

    asked: str
    found: Mapping[str, str]

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in sorted(self.found.items()))


@dataclass(frozen=True)
class Lock:
    """Pins by kind and name."""

    pins: Mapping[tuple[str, str], Pin]

    def encode(self) -> bytes:
        """Return the canonical document, indented for diffs."""
        kinds: dict[str, dict[str, object]] = {}
        for (kind, name), pin in self.pins.items():
            kinds.setdefault(kind, {})[name] = {"asked": pin.asked, "found": dict(pin.found)}
        document = {"edgeboot-lock": FORMAT, **kinds}
        return json.dumps(document, sort_keys=True, indent=1).encode("ascii") + b"\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in hexadecimal."""
        return hashlib.sha256(self.encode()).hexdigest()


class Pins:
    """The pins of one run. ``old`` is the lock to follow; ``frozen`` refuses any difference."""

    def __init__(self, old: Lock | None = None, *, frozen: bool = False) -> None:
        self._old = old.pins if old else {}
        self._frozen = frozen
        self._new: dict[tuple[str, str], Pin] = {}

    def settle(
        self, kind: str, name: str, asked: str, find: Callable[[], Mapping[str, str]]
    ) -> Mapping[str, str]:
        """Return the locked resolution if the request is unchanged, else the result of ``find``.

        Raises Refused if the lock is frozen and lacks the pin or has another request.
        """
        old = self._old.get((kind, name))
        if old is None or old.asked != asked:
            if self._frozen:
                said = f"has it for {old.asked!r}" if old else "does not have it"
                raise _differs(f"{kind} {name}: the lock {said}, the spec has {asked!r}")
            old = Pin(asked, dict(find()))
        self._new[kind, name] = old
        return old.found

    def note(self, kind: str, name: str, asked: str, found: Mapping[str, str]) -> None:
        """Record an input that was inspected; raises Refused if a frozen lock differs."""
        pin = Pin(asked, dict(found))
        old = self._old.get((kind, name))
        if self._frozen and old != pin:
            said = f"it was {old}" if old else "the lock does not have it"
            raise _differs(f"{kind} {name} has changed: it is {pin}, {said}")
        self._new[kind, name] = pin

    def keep(self, kind: str, name: str, asked: str) -> None:
        """Keep the old pin of an input that is still requested but not used in this run."""
        old = self._old.get((kind, name))
        if old is not None and old.asked == asked:
            self._new[kind, name] = old

    def repeat(self, kind: str, name: str, asked: str) -> None:
        """Pin an image of the spec as another kind, too, as `bundle lock` does."""
        self.keep(kind, name, asked)
        pinned = self._new.get(("images", name))
        if pinned is not None:
            self._new.setdefault((kind, name), Pin(asked, pinned.found))

    def check_unused(self) -> None:
        """Raise Refused if a frozen lock pins an input that the spec no longer names.

        Unused pins of K3s files, and of chart images that an archive provides, are allowed.
        """
        unseen = set(self._old) - set(self._new)
        left = sorted(" ".join(key) for key in unseen if key[0] not in ("k3s", "chart-images"))
        if self._frozen and left:
            raise _differs(f"the lock has {', '.join(left)}, the spec does not")

    def lock(self) -> Lock:
        """Return a lock of all pins of this run."""
        return Lock(dict(self._new))

    @property
    def digest(self) -> str:
        """The digest of the frozen lock that was followed, else that of this run's pins."""
        return Lock(self._old).digest if self._frozen else self.lock().digest


def path_beside(spec: Path) -> Path:
    """Return the path of a spec's lock: ``edge.yml`` → ``edge.lock``."""
    return spec.with_suffix(".lock")


def read(path: Path) -> Lock:
    """Read a lock; raises BadInput if it does not exist, Refused if it is damaged."""
    if not path.exists():
        raise BadInput(f"no such lock file: {path}", hint="create it with `edgeboot bundle lock`")
    data = bounded.read(path, _MAX)
    root = json_document.parse(data, str(path))
    version = root.member("edgeboot-lock")
    if version.value != FORMAT:
        raise version.bad(f"is {version.value!r}; this edgeboot reads format {FORMAT}")
    lock = Lock(dict(_pins(root)))
    if lock.encode() != data:
        raise Refused(
            f"{path} was edited by hand",
            hint="remove it and run `edgeboot bundle lock`",
        )
    return lock


def write(path: Path, lock: Lock) -> None:
    """Write a lock atomically; raises StepFailed if that fails."""
    atomic.write(path, lock.encode())


def moved(old: Lock, new: Lock) -> Iterator[str]:
    """Yield a line for each difference between two locks."""
    for key in sorted(set(old.pins) | set(new.pins)):
        before, after = old.pins.get(key), new.pins.get(key)
        label = " ".join(key)
        if before is None:
            yield f"+ {label}: {after}"
        elif after is None:
            yield f"- {label}"
        elif before.found != after.found:
            for name in sorted({*before.found, *after.found}):
                was, now = before.found.get(name, "-"), after.found.get(name, "-")
                if was != now:
                    yield f"  {label}: {name} {was} -> {now}"


def _differs(what: str) -> Refused:
    return Refused(what, hint=_HINT, error_id="lock-differs")


def _pins(root: json_document.Node) -> Iterator[tuple[tuple[str, str], Pin]]:
    kinds = root.value if isinstance(root.value, dict) else {}
    for kind in kinds:
        if kind == "edgeboot-lock":
            continue
        names = root.member(kind)
        for name in names.value if isinstance(names.value, dict) else {}:
            pin = names.member(name).only(("asked", "found"))
            yield (kind, name), Pin(pin.member("asked").text(), pin.member("found").pairs())
