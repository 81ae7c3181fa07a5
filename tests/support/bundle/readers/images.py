"""Image archives, OCI and docker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeboot.platform import AMD64, ARM
from tests.support.bundle import fakes
from tests.support.bundle.fakes import Layout, layer, tar_of, to_json
from tests.support.bundle.readers import Case, Modules, Run

APP = "registry.example/app:1"
Apart = Callable[..., Run]


def image_cases(directory: Path) -> Iterator[Case]:
    """Image archives, OCI and docker."""
    path, root = directory / "images.tar", directory / "blobs"

    def apart(data: bytes, *arches: Any) -> Run:
        def run(m: Modules) -> object:
            path.write_bytes(data)
            shutil.rmtree(root, ignore_errors=True)
            store = m.blobs.Store(root)
            return repr(m.image_files.take_apart(path, arches or (AMD64,), store, "it"))

        return run

    change: Mapping[str, object]
    layout = Layout()
    manifest = layout.manifest([layer("a"), layer("b")], "amd64")
    layout.name(APP, manifest)
    files = layout.files()
    yield "a good layout", apart(layout.tar())
    for name in files:
        yield f"without {name}", apart(tar_of({k: v for k, v in files.items() if k != name}))
        yield f"changed {name}", apart(tar_of({**files, name: files[name] + b" "}))
    for change in (
        {"size": 5}, {"size": -1}, {"size": 1 << 40}, {"size": True}, {"size": "5"},
        {"mediaType": "application/vnd.docker.distribution.manifest.v1+json"}, {"mediaType": 5},
        {"digest": "sha512:" + "0" * 128}, {"digest": "0" * 64}, {"digest": 5},
        {"digest": "sha999:" + "0" * 64}, {"digest": "sha256:" + "A" * 64},
        {"platform": 5}, {"platform": {"os": "linux"}},
        {"annotations": 5}, {"annotations": {"a": 5}}, {"annotations": {}},
    ):  # fmt: skip
        other = Layout(dict(layout.blobs))
        other.name(APP, manifest)
        other.entries[0].update(change)
        yield f"entry {str(change)[:60]}", apart(other.tar())
    for name in ("", "latest", "a/B:1", "x/y:bad tag", "busybox:1", "registry.example/x", "a:b"):
        note = {"org.opencontainers.image.ref.name": name}
        named = Layout(dict(layout.blobs), [{**manifest, "annotations": note}])
        yield f"called {name!r}", apart(named.tar())
    proof = layout.manifest([layer("proof")], "unknown", os="unknown")
    noted = {
        "vnd.docker.reference.type": "attestation-manifest",
        "io.containerd.image.name": "x/y:1",
    }
    attested = Layout(dict(layout.blobs), [*layout.entries, {**proof, "annotations": noted}])
    yield "an attestation", apart(attested.tar())
    for data in (b" " * (5 << 20), b"[" * 100_000, b"\xff", b"[]", b'{"manifests": 1}', b"{}"):
        yield f"index {data[:12]!r} {len(data)}", apart(tar_of({**files, "index.json": data}))
    many = to_json({"manifests": [{}] * 10_001})
    yield "index of many", apart(tar_of({**files, "index.json": many}))
    yield "only a layout", apart(tar_of({"oci-layout": b"{}"}))
    yield "neither", apart(tar_of({"x": b"y"}))
    yield from _platform_cases(apart)
    yield from _artifact_cases(apart)
    yield from _docker_cases(apart)


def json_cases() -> Iterator[Case]:
    """Objects of strings; the documents of bundles have none."""
    for data in (b'{"a": "b"}', b'{"a": 5}', b"[]"):
        yield f"pairs of {data!r}", lambda m, d=data: m.json_document.parse(d, "it").pairs()  # type: ignore[misc]


def _platform_cases(apart: Apart) -> Iterator[Case]:
    for architecture, variant, system, arch in (
        ("arm64", None, "linux", AMD64), ("amd64", None, "windows", AMD64),
        ("amd64", "v3", "linux", AMD64), ("arm", "v8", "linux", ARM), ("arm", "v6", "linux", ARM),
        ("arm", None, "linux", ARM), ("arm", "", "linux", ARM), ("amd64", "", "linux", AMD64),
        ("x86_64", "v3", "linux", AMD64), ("armel", None, "linux", ARM),
    ):  # fmt: skip
        layout = Layout()
        layout.name(APP, layout.manifest([layer("a")], architecture, variant, system))
        yield f"image for {system} {architecture} {variant}", apart(layout.tar(), arch)
    for children in (["v6", "v7"], ["v5", "v6"], ["v8", "v6"], ["v8"], []):
        layout = Layout()
        below = [layout.manifest([layer(v)], "arm", v) for v in children]
        layout.name(APP, layout.index(below))
        yield f"index of {children}", apart(layout.tar(), ARM)
    layout = Layout()
    old, new = (layout.manifest([layer(name)], name) for name in ("armel", "armhf"))
    layout.name(APP, layout.index([old, new]))
    yield "index of aliases", apart(layout.tar(), ARM)
    for lie in (
        {"platform": {"architecture": "amd64", "os": "linux"}}, {"platform": None},
        {"mediaType": "application/x"}, {"size": 5}, {"digest": "sha256:" + "0" * 64},
    ):  # fmt: skip
        layout = Layout()
        there = layout.manifest([layer("a")], "arm64")
        good = layout.manifest([layer("b")], "amd64")
        layout.name(APP, layout.index([{**there, **lie}, {**good, **lie}]))
        yield f"index with {lie}", apart(layout.tar())
        both = Layout()
        bad, fine = both.manifest([layer("a")], "arm64"), both.manifest([layer("b")], "amd64")
        both.name(APP, both.index([{**bad, **lie}, fine]))
        yield f"index with {lie} beside a good one", apart(both.tar())
    for config, document in (
        (b"{}", {}), (b'{"os": "linux"}', {}), (b"[]", {}), (b" " * (5 << 20), {}),
        (b'{"os": "linux", "architecture": "amd64", "variant": ""}', {}),
        (None, {"layers": 5}), (None, {"layers": [{}]}), (None, {"config": 5}),
        (None, {"layers": [{}] * 501}),
    ):  # fmt: skip
        layout = Layout()
        entry = layout.manifest([layer("a")], "amd64")
        inner = json.loads(layout.blobs[f"blobs/sha256/{str(entry['digest'])[7:]}"])
        if config is not None:
            inner["config"] = layout.blob(fakes.OCI_CONFIG, config)
        inner.update(document)
        layout.name(APP, layout.blob(fakes.OCI_MANIFEST, to_json(inner)))
        yield f"manifest {str(config)[:20]} {str(document)[:20]}", apart(layout.tar())
    chart = Layout()
    helm = chart.blob("application/vnd.cncf.helm.config.v1+json", b"{}")
    chart.name(APP, chart.blob(fakes.OCI_MANIFEST, to_json({"config": helm, "layers": []})))
    yield "a chart", apart(chart.tar())
    large = Layout()
    large.name(APP, large.blob(fakes.OCI_MANIFEST, b" " * (5 << 20)))
    yield "a large manifest", apart(large.tar())


def _artifact_cases(apart: Apart) -> Iterator[Case]:
    """What makes a manifest an artifact beside an image, one mark at a time."""
    mark: Mapping[str, object]
    for mark in (
        {"artifactType": "a/b"}, {"platform": {"os": "unknown", "architecture": "amd64"}},
        {"platform": {"os": "linux", "architecture": "unknown"}},
        {"annotations": {"vnd.docker.reference.type": "x", "io.containerd.image.name": "x/y:1"}},
    ):  # fmt: skip
        layout = Layout()
        layout.name(APP, layout.manifest([layer("a")], "amd64"))
        layout.name("x/y:1", layout.manifest([layer("b")], "amd64"))
        layout.entries[1].update(mark)
        yield f"entry beside an image {mark}", apart(layout.tar())
    for mark in ({"artifactType": "a/b"}, {"subject": {}}):
        layout = Layout()
        layout.name(APP, layout.manifest([layer("a")], "amd64"))
        entry = layout.manifest([layer("b")], "amd64")
        document = json.loads(layout.blobs[f"blobs/sha256/{str(entry['digest'])[7:]}"])
        marked = layout.blob(fakes.OCI_MANIFEST, to_json({**document, **mark}))
        layout.name("x/y:1", marked)
        yield f"manifest beside an image {mark}", apart(layout.tar())
    chart = Layout()
    helm = chart.blob("application/vnd.cncf.helm.config.v1+json", b"{}")
    child = chart.blob(fakes.OCI_MANIFEST, to_json({"config": helm, "layers": []}))
    platform = {"os": "linux", "architecture": "amd64"}
    chart.name(APP, chart.index([{**child, "platform": platform}]))
    yield "a chart said to be for a platform", apart(chart.tar())


def _docker_cases(apart: Apart) -> Iterator[Case]:
    change: Mapping[str, object]
    files = fakes.docker_archive("busybox:1", AMD64, ["a", "b"])
    yield "a good docker archive", apart(tar_of(files))
    for name in files:
        yield (
            f"docker without {name[-20:]}",
            apart(tar_of({k: v for k, v in files.items() if k != name})),
        )
    one = next(name for name in files if name.endswith("layer.tar"))
    yield "docker with another layer", apart(tar_of({**files, one: layer("c")}))
    yield "docker for another", apart(tar_of(fakes.docker_archive("busybox:1", ARM, ["a"])))
    (entry,) = json.loads(files["manifest.json"])
    for change in (
        {"RepoTags": None}, {"RepoTags": []}, {"RepoTags": 5}, {"RepoTags": ["A"]},
        {"RepoTags": ["a:1", "b:1"]}, {"Config": "x"}, {"Config": 5}, {"Layers": 5},
        {"Layers": ["../x"]}, {"Layers": ["x"] * 501},
    ):  # fmt: skip
        manifest = to_json([{**entry, **change}])
        yield f"docker {str(change)[:40]}", apart(tar_of({**files, "manifest.json": manifest}))
    config = json.loads(files[entry["Config"]])
    fewer = {"diff_ids": config["rootfs"]["diff_ids"][:1]}
    for change in (
        {"rootfs": 5}, {"rootfs": {}}, {"rootfs": {"diff_ids": ["sha512:0"]}}, {"rootfs": fewer},
    ):  # fmt: skip
        changed = to_json({**config, **change})
        yield f"docker config {change}", apart(tar_of({**files, entry["Config"]: changed}))
    yield "docker with a large config", apart(tar_of({**files, entry["Config"]: b" " * (5 << 20)}))
