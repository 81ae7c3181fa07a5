"""Helm charts from disk: a packed chart as it is, or a chart directory packed reproducibly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle import untar
from edgeboot.bundle.contents import Blob
from edgeboot.bundle.store import Store, readable
from edgeboot.bundle.wire import END, MAX_NAME, header, padding
from edgeboot.errors import BadInput, Refused

_CHART_YAML_MAX = 1 << 20
_FILE_MAX = 16 << 20
_LIMITS = untar.Limits(total=256 << 20, members=10_000, ratio=200, free=64 << 20)

# Both keys are required and stand at the margin (Helm documentation: the Chart.yaml file). They are
# read by line because charts in the wild use YAML that edgeboot's own strict reader refuses.
_KEY = r"""^{key}:[ \t]+(["']?)([A-Za-z0-9][A-Za-z0-9._+-]*)\1[ \t]*(?:#.*)?\r?$"""


@dataclass(frozen=True)
class Chart:
    """A packed chart in a store."""

    name: str
    version: str
    blob: Blob


def collect(path: Path, store: Store) -> Chart:
    """The chart at ``path``: a directory with a Chart.yaml, or a ``.tgz`` of one.

    Raises BadInput where it is neither, Refused where a ``.tgz`` breaks the rules of ``untar``.
    """
    if path.is_dir():
        return _pack(path, store)
    name, version = _described(_packed_description(path), str(path))
    return Chart(name, version, store.add(readable(path), what=str(path)))


def _packed_description(path: Path) -> bytes:
    found: bytes | None = None
    with untar.opened(path, str(path), _LIMITS) as members:
        for member in members:
            if re.fullmatch(r"[^/]+/Chart\.yaml", member.name):
                if found is not None:
                    raise Refused(f"{path} holds two charts")
                found = member.read(_CHART_YAML_MAX)
    if found is None:
        raise BadInput(f"{path} is no packed chart: it has no NAME/Chart.yaml")
    return found


def _pack(directory: Path, store: Store) -> Chart:
    """Pack a directory; its files sorted by path, without times, owners or modes."""
    description = directory / "Chart.yaml"
    if not description.is_file():
        raise BadInput(f"{directory} is no chart: it has no Chart.yaml")
    name, version = _described(b"".join(readable(description)), str(description))
    files = sorted(_files(directory), key=lambda file: file.relative_to(directory).as_posix())
    blob = store.add(_gzipped(_tar(name, directory, files)), what=str(directory))
    return Chart(name, version, blob)


def _described(data: bytes, where: str) -> tuple[str, str]:
    text = data.decode("utf-8", "replace")
    values = []
    for key in ("name", "version"):
        matches = re.findall(_KEY.format(key=key), text, re.MULTILINE)
        if len(matches) != 1:
            raise BadInput(f"{where}: the chart's {key} cannot be read", hint=f"write '{key}: …'")
        values.append(matches[0][1])
    return values[0], values[1]


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadInput(
                f"{path} is neither a file nor a directory", hint="replace it by what it stands for"
            )
        if path.is_file():
            if path.stat().st_size > _FILE_MAX:
                raise BadInput(f"{path} has over {_FILE_MAX >> 20} MiB; is it part of the chart?")
            yield path


def _tar(name: str, directory: Path, files: list[Path]) -> Iterator[bytes]:
    for path in files:
        data = b"".join(readable(path))
        member = f"{name}/{path.relative_to(directory).as_posix()}"
        if not member.isascii() or len(member) > MAX_NAME:
            raise BadInput(f"{path}: a chart's file names are ASCII and at most {MAX_NAME} long")
        yield header(member, len(data)) + data + padding(len(data))
    yield END


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # no time, no name
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()
