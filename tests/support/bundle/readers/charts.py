"""Packed charts, and directories of charts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from tests.support.bundle.fakes import tar_of
from tests.support.bundle.readers import Case, Modules, Run


def chart_cases(directory: Path) -> Iterator[Case]:
    """Packed charts, and directories of charts."""
    path = directory / "chart.tgz"
    chart = b"apiVersion: v2\nname: a\nversion: 1.0.0\n"

    def read(files: dict[str, bytes]) -> Run:
        data = tar_of(files)

        def run(m: Modules) -> object:
            path.write_bytes(data)
            return sorted(m.package.read(path, "it"))

        return run

    yield "a good chart", read({"a/Chart.yaml": chart, "a/charts/b/Chart.yaml": chart, "x": b""})
    yield "two charts", read({"a/Chart.yaml": chart, "b/Chart.yaml": chart})
    yield "no chart", read({"a/values.yaml": b""})
    yield "a large file", read({"a/Chart.yaml": chart, "a/x": bytes((16 << 20) + 1)})
    home = directory / "home"
    (home / "d").mkdir(parents=True)
    (home / "Chart.yaml").write_bytes(chart)
    (home / "d" / "f").write_bytes(b"x")
    yield "a good directory", lambda m: sorted(m.package.read(home, "it"))
    for name, make in (
        ("link", lambda p: p.symlink_to("/etc/passwd")),
        ("broken link", lambda p: p.symlink_to("/gone")),
        ("link to a directory", lambda p: p.symlink_to("/etc")),
        ("socket", lambda p: socket.socket(socket.AF_UNIX).bind(str(p))),
        ("large", lambda p: p.write_bytes(bytes((16 << 20) + 1))),
    ):
        odd = directory / name
        odd.mkdir()
        (odd / "Chart.yaml").write_bytes(chart)
        make(odd / "x")
        yield name, lambda m, d=odd: sorted(m.package.read(d, "it"))  # type: ignore[misc]
