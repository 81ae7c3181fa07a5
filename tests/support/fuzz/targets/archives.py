"""Bundles, images, charts, signatures: bytes that came by a stick, a mirror or the mail."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from edgeboot.bundle.build.image_files import take_apart
from edgeboot.bundle.charts import chart_yaml, package
from edgeboot.bundle.charts.discover import from_declarations, from_rendered
from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.oci import documents, reference
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.trust import minisign
from edgeboot.errors import EdgebootError
from edgeboot.platform import AMD64
from edgeboot.secret import Secret
from edgeboot.yaml import foreign
from tests.support.bundle.fakes import Layout, docker_archive, layer, tar_of, to_json
from tests.support.bundle.readers.bundles import table_of
from tests.support.bundle.sites import small_bundle
from tests.support.fuzz.running import Target

_KEY = minisign.SecretKey(b"12345678", Secret(b"s" * 32))
_CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: hello\nversion: 1.0.0\n"
    b"annotations: {artifacthub.io/images: '- {name: a, image: registry.example/a:1}'}\n"
    b"dependencies: [{name: b, version: 1.x.x, repository: https://charts.example}]\n",
    "values.yaml": b"image: {repository: registry.example/b, tag: 1}\n",
}
_RENDERED = b"""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - image: registry.example/app:1
        args: ["--config-reloader-image=registry.example/reloader:2"]
        env: [{name: RELATED_IMAGE_X, value: registry.example/x@sha256:aa}]
"""


def _layout() -> bytes:
    layout = Layout()
    layout.name("registry.example/app:1", layout.manifest([layer("a"), layer("b")], "amd64"))
    return layout.tar()


def _bundle() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return small_bundle(Path(directory)).read_bytes()


def _documents() -> tuple[bytes, ...]:
    layout = Layout()
    entry = layout.manifest([layer("a")], "amd64")
    layout.name("registry.example/app:1", entry)
    return tuple(data for name, data in layout.files().items() if data.startswith(b"{"))


def _at(name: str, run: Callable[[Path, Path], object]) -> Callable[[bytes], None]:
    """A target that reads a file, with a directory to write to beside it."""

    def target(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, name)
            path.write_bytes(data)
            run(path, Path(directory))
            outside = [p.name for p in Path(directory).iterdir() if p.name not in {name, "store"}]
            assert not outside, f"written outside of the store: {outside}"

    return target


def _open(path: Path, _directory: Path) -> None:
    with Bundle.open(path) as bundle:
        for item in bundle.contents.items:
            for _ in bundle.source(item.blob).open():
                pass


def _images(path: Path, directory: Path) -> None:
    take_apart(path, (AMD64,), Store(directory / "store"), "it")


def _chart(data: bytes) -> None:
    _files(package.unpack(data, "it"))


def _files(files: Mapping[str, bytes]) -> None:
    chart_yaml.read(files, "it")
    from_declarations(files, "it")


def _chart_yaml(data: bytes) -> None:
    _files({"Chart.yaml": data, "values.yaml": data})


def _rendered(data: bytes) -> None:
    from_rendered(foreign.parse_all_texts(data))


def _oci(data: bytes) -> None:
    for read in (
        documents.read_index, documents.read_manifest,
        documents.read_platform, documents.read_diff_ids,
    ):  # fmt: skip
        try:
            read(data, "it")
        except EdgebootError:
            continue


def _signature(data: bytes) -> None:
    minisign.read_signature(data, "it").verify(b"data", _KEY.public)


def _public(data: bytes) -> None:
    minisign.read_public(data.decode("utf-8", "replace"), "it")


def _reference(data: bytes) -> None:
    str(reference.parse(data.decode("utf-8", "replace")))


_WHOLE = _bundle()
TARGETS = (
    Target("bundle", _at("b.tar", _open), (_WHOLE,)),
    Target("bundle-contents", encoding.decode, (table_of(_WHOLE),)),
    Target(
        "image-archive",
        _at("i.tar", _images),
        (_layout(), tar_of(docker_archive("registry.example/app:1", AMD64, ["a", "b"]))),
    ),
    Target("oci-documents", _oci, (*_documents(), to_json({"manifests": []}))),
    Target("chart", _chart, (b"".join(package.pack("hello", _CHART)),)),
    Target("chart-yaml", _chart_yaml, (_CHART["Chart.yaml"],)),
    Target("chart-rendered", _rendered, (_RENDERED,), (EdgebootError, ValueError)),
    Target("signature", _signature, (_KEY.sign(b"data", "a comment"),)),
    Target("public-key", _public, (_KEY.public.text.encode(),)),
    Target(
        "image-reference",
        _reference,
        (b"registry.example:5000/a/b:1@sha256:" + b"0" * 64,),
        (ValueError,),
    ),
)
