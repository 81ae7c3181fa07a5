"""Reads charts from directories and ``.tgz`` files, and packs them reproducibly."""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgeboot.bundle.charts import helmignore
from edgeboot.bundle.store.blobs import readable
from edgeboot.bundle.tar import untar
from edgeboot.bundle.tar.writer import END, long_header, padding
from edgeboot.errors import BadInput, Refused

FILE_MAX = 16 << 20
_LIMITS = untar.Limits(total=128 << 20, members=10_000, ratio=200, free=64 << 20)

Files = Mapping[str, bytes]  # path relative to the chart's directory -> content


def read(path: Path, what: str) -> dict[str, bytes]:
    """Read the files of a chart directory or packed chart, by path relative to its directory.

    Raises BadInput if it is not a chart, Refused if a ``.tgz`` violates the rules of ``untar``.
    """
    files = dict(_directory(path) if path.is_dir() else _packed(path, what))
    if "Chart.yaml" not in files:
        raise BadInput(f"{what} is not a chart: it has no Chart.yaml")
    return files


def unpack(data: bytes, what: str) -> dict[str, bytes]:
    """Read the files of a packed chart in memory, such as a subchart."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return read(Path(file.name), what)


def pack(name: str, files: Files) -> Iterator[bytes]:
    """Pack a chart as ``.tgz``: sorted by path, without times, owners or modes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # no time, no name
    for path in sorted(files):
        member = f"{name}/{path}"
        yield packer.compress(long_header(member, len(files[path])))
        yield packer.compress(files[path] + padding(len(files[path])))
    yield packer.compress(END) + packer.flush()


def below(files: Files, prefix: str) -> dict[str, bytes]:
    """Return the files below ``prefix``, by path relative to it."""
    return {p.removeprefix(prefix): data for p, data in files.items() if p.startswith(prefix)}


def _packed(path: Path, what: str) -> Iterator[tuple[str, bytes]]:
    top = ""
    with untar.opened(path, what, _LIMITS) as members:
        for member in members:
            directory, _, name = member.name.partition("/")
            if not name:
                continue
            if re.fullmatch(r"[^/]+/Chart\.yaml", member.name):
                if top:
                    raise Refused(f"{what} contains two charts")
                top = directory
            yield name, member.read(FILE_MAX)


def _directory(directory: Path) -> Iterator[tuple[str, bytes]]:
    ignore = directory / helmignore.FILE_NAME
    data = b"".join(readable(ignore)) if ignore.is_file() else b""
    yield from _below(directory, directory, helmignore.rules(data, str(ignore)))


def _below(
    top: Path, directory: Path, rules: tuple[helmignore.Rule, ...]
) -> Iterator[tuple[str, bytes]]:
    try:
        paths = sorted(directory.iterdir())
    except OSError as error:
        raise BadInput(f"cannot read {directory}: {error.strerror}") from error
    for path in paths:
        name, inner = path.relative_to(top).as_posix(), path.is_dir() and not path.is_symlink()
        if helmignore.ignored(name, inner, rules):
            continue
        if inner:
            yield from _below(top, path, rules)
            continue
        if path.is_symlink() or not path.is_file():
            raise BadInput(
                f"{path} is neither a file nor a directory",
                hint=f"replace it with a file or directory, or add it to {helmignore.FILE_NAME}",
            )
        if path.stat().st_size > FILE_MAX:
            raise BadInput(
                f"{path} is larger than {FILE_MAX >> 20} MiB",
                hint=f"if it is not part of the chart, add it to {helmignore.FILE_NAME}",
            )
        yield name, b"".join(readable(path))
