"""Splits a file into parts for small media, and joins them in any order.

``NAME.parts`` is an index with the SHA-256 of every part and of the whole file. Joining copies
parts to their offsets in ``NAME.joining`` and keeps those already there, so it can be interrupted,
and repeated for each medium.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path
from typing import BinaryIO

from edgeboot import json_document
from edgeboot.blob import CHUNK
from edgeboot.bundle.format.encoding import is_item_name
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import BytesHandled, Listener, silent
from edgeboot.localio import atomic, bounded, disk_space
from edgeboot.localio.progress import Tally

SUFFIX = ".parts"
PARTS_MAX = 999
_FORMAT = 1
_INDEX_MAX = 1 << 20
_TOTAL_MAX = 1 << 40


@dataclass(frozen=True)
class Part:
    """A part: its file name, its offset and size in bytes, and its SHA-256."""

    name: str
    start: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Index:
    """The index: the name, size and SHA-256 of the whole file, and its parts."""

    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


def split(
    path: Path, size: int, directory: Path, listener: Listener = silent
) -> tuple[Path, Index]:
    """Write the parts of ``path``, ``size`` bytes each, then the index.

    Returns the path of the index, and the index. Complete parts from an earlier run are kept.
    Raises BadInput if there would be more than PARTS_MAX parts.
    """
    if not is_item_name(path.name):
        raise BadInput(f"invalid file name {path.name!r} for parts", hint="rename the file")
    total = _size(path)
    count = -(-total // size)
    if not 0 < count <= PARTS_MAX:
        hint = "make them larger with --size"
        raise BadInput(f"{path} would need {count} parts, more than {PARTS_MAX}", hint=hint)
    whole, parts = hashlib.sha256(), []
    tally = Tally(bind(BytesHandled, "splitting", path.name), listener, total)
    for number in range(count):
        start = number * size
        part = directory / f"{path.name}.{number + 1:03}"
        length = min(size, total - start)
        digest = hashlib.sha256()
        for chunk in _range(path, start, length):
            digest.update(chunk)
            whole.update(chunk)
            tally.arrived(len(chunk))
        found = Part(part.name, start, length, digest.hexdigest())
        parts.append(found)
        if part.exists() and _hash(part, 0, length + 1) == found.sha256:
            continue
        with atomic.writing(part) as file:
            written = hashlib.sha256()
            for chunk in _range(path, start, length):
                written.update(chunk)
                file.write(chunk)
            if written.hexdigest() != found.sha256:
                raise StepFailed(f"{path} changed while splitting", hint="rerun the same command")
    index = Index(path.name, total, whole.hexdigest(), tuple(parts))
    target = directory / (path.name + SUFFIX)
    with atomic.writing(target) as file:
        file.write(_encode(index))
    return target, index


def join(
    index_file: Path, places: Sequence[Path], output: Path, listener: Listener = silent
) -> tuple[str, ...]:
    """Join the parts in the index's directory and in ``places``; returns missing parts by name.

    When no part is missing, verifies the whole file and moves it to ``output``. Raises Refused with
    the names of damaged parts; the others are kept.
    """
    index = read_index(index_file)
    partial = output.with_name(output.name + ".joining")
    directories = (index_file.parent, *places)
    disk_space.check_target(output)
    tally = Tally(bind(BytesHandled, "joining", output.name), listener, index.size)
    missing: list[str] = []
    damaged: list[str] = []
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            for part in index.parts:
                lacking = _bring(part, partial, file, directories)
                if lacking is not None:
                    (damaged if lacking else missing).append(part.name)
                tally.arrived(part.size)
            file.truncate(index.size)
        if damaged:
            names = ", ".join(damaged)
            raise Refused(
                f"damaged parts of {index.name}: {names}",
                hint="copy them again; the other parts are kept",
                error_id="bundle-damaged",
            )
        if not missing:
            _finish(index, partial, output)
    except OSError as error:
        raise disk_space.failed(output, error) from error
    return tuple(missing)


def _bring(
    part: Part, partial: Path, file: BinaryIO, directories: Sequence[Path]
) -> tuple[Path, ...] | None:
    """Copy a part to its offset; returns None, or the damaged copies if there is no valid one."""
    if _hash(partial, part.start, part.size) == part.sha256:
        return None
    found = tuple(d / part.name for d in directories if (d / part.name).is_file())
    right = next((p for p in found if _hash(p, 0, part.size + 1) == part.sha256), None)
    if right is None:
        return found
    file.seek(part.start)
    file.writelines(_range(right, 0, part.size))
    file.flush()
    os.fsync(file.fileno())
    return None


def read_index(path: Path) -> Index:
    """Read an index; raises Refused if it is damaged or not an index."""
    data = bounded.read(path, _INDEX_MAX)
    if not data.startswith(b"{"):
        hint = f"use the file whose name ends in {SUFFIX}"
        raise Refused(f"{path} is not an index of parts", hint=hint)
    root = json_document.parse(data, str(path))
    root.only(("format", "name", "size", "sha256", "parts"))
    if root.member("format").value != _FORMAT:
        raise root.bad("has a format that this edgeboot does not support")
    parts, position = [], 0
    name = root.member("name")
    if not is_item_name(name.text()):
        raise name.bad("is not a plain file name")
    for number, node in enumerate(root.member("parts").items(PARTS_MAX), 1):
        node.only(("size", "sha256"))
        size = node.member("size").size(_TOTAL_MAX)
        file_name = f"{name.text()}.{number:03}"
        parts.append(Part(file_name, position, size, node.member("sha256").hexdigest()))
        position += size
    sha256 = root.member("sha256").hexdigest()
    index = Index(name.text(), root.member("size").size(_TOTAL_MAX), sha256, tuple(parts))
    if position != index.size or _encode(index) != data:
        raise root.bad("is damaged: its parts do not add up to the whole")
    return index


def _finish(index: Index, partial: Path, output: Path) -> None:
    if _hash(partial, 0, index.size + 1) != index.sha256:
        raise Refused(
            f"the parts of {index.name} do not match the SHA-256 of the whole file",
            hint="split it again",
        )
    atomic.move(partial, output)


def _encode(index: Index) -> bytes:
    document = {
        "format": _FORMAT,
        "name": index.name,
        "size": index.size,
        "sha256": index.sha256,
        "parts": [{"size": part.size, "sha256": part.sha256} for part in index.parts],
    }
    return json_document.canonical(document) + b"\n"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def _hash(path: Path, start: int, size: int) -> str:
    """Return the SHA-256 of at most ``size`` bytes from ``start``."""
    digest = hashlib.sha256()
    for chunk in _range(path, start, size):
        digest.update(chunk)
    return digest.hexdigest()


def _range(path: Path, start: int, size: int) -> Iterator[bytes]:
    try:
        with bounded.opened(path) as file:
            file.seek(start)
            while size and (chunk := file.read(min(CHUNK, size))):
                size -= len(chunk)
                yield chunk
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
