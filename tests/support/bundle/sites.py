"""A bundle.yml with one of everything, and the files that it names."""

from __future__ import annotations

from pathlib import Path

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from tests.support.bundle import fakes

FULL = """\
name: edge
k3s:
  arches: [amd64, arm]
charts:
  - path: hello
manifests: [site.yaml]
files:
  - path: note.txt
images:
  - archive: app.tar
"""


def write_site(directory: Path) -> Path:
    """A spec with one of everything, and what it names; returns the spec's path."""
    path = fakes.spec_file(directory, FULL)
    (directory / "hello" / "templates").mkdir(parents=True)
    (directory / "hello" / "Chart.yaml").write_text("name: hello\nversion: 0.1.0\n")
    (directory / "hello" / "templates" / "a.yaml").write_text("kind: ConfigMap\n")
    (directory / "site.yaml").write_text("kind: ConfigMap\n")
    (directory / "note.txt").write_text("a note\n")
    app = fakes.Layout()
    children = [app.manifest([fakes.layer(f"app-{a}")], a) for a in ("amd64", "arm")]
    app.name("registry.example/app:1", app.index(children))
    (directory / "app.tar").write_bytes(app.tar())
    return path


def small_bundle(top: Path) -> Path:
    """A bundle with one of everything, built in a directory."""
    release = fakes.release(top / "release", ("amd64", "arm"))
    wanted = spec.load(write_site(top / "site"))
    return build(wanted, top / "edge.bundle", release=release, store=fakes.store(top))
