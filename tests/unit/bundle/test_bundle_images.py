from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest

from edgeboot.blob import Blob
from edgeboot.bundle.format.image_archive import compose, group
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import Refused
from edgeboot.platform import AMD64, ARM, ARM64, Arch
from tests.support.bundle import fakes
from tests.support.bundle.fakes import Layout, apart, layer, sha256, tar_of, to_json

APP = "registry.example/app:1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fakes.store(tmp_path)


def changed(layout: Layout, **files: bytes) -> bytes:
    return tar_of({**layout.files(), **files})


def test_an_image_keeps_its_digests(store: Store) -> None:
    layout = Layout()
    entry = layout.manifest([layer("a"), layer("b")], "amd64")
    layout.name(APP, entry)
    (image,) = apart(store, layout.tar())
    assert f"sha256:{image.digest}" == entry["digest"]
    assert image.manifest == image.digest
    assert image.name == APP
    assert len(image.blobs) == 4
    for blob in image.blobs:
        data = b"".join(store.source(blob).open())
        assert data == layout.blobs[f"blobs/sha256/{blob.sha256}"]


def test_an_index_stays_what_its_name_points_at(store: Store) -> None:
    layout = Layout()
    arm, amd = layout.manifest([layer("a")], "arm64"), layout.manifest([layer("b")], "amd64")
    index = layout.index([arm, amd])
    layout.name(APP, index)
    images = apart(store, layout.tar(), AMD64, ARM64)
    assert [(i.arch, f"sha256:{i.manifest}") for i in images] == [
        ("amd64", amd["digest"]),
        ("arm64", arm["digest"]),
    ]
    assert {f"sha256:{i.digest}" for i in images} == {index["digest"]}
    assert not set(images[0].blobs) & set(images[1].blobs) - {images[0].blobs[0]}


@pytest.mark.parametrize(
    ("variants", "best"), [(["v6", "v7"], "v7"), (["v5", "v6"], "v6"), (["v8", "v6"], "v6")]
)
def test_the_best_arm_variant_is_chosen(store: Store, variants: list[str], best: str) -> None:
    layout = Layout()
    children = {v: layout.manifest([layer(v)], "arm", v) for v in variants}
    layout.name(APP, layout.index(children.values()))
    (image,) = apart(store, layout.tar(), ARM)
    assert f"sha256:{image.manifest}" == children[best]["digest"]


@pytest.mark.parametrize(
    ("architecture", "variant", "os", "arch"),
    [
        ("arm64", None, "linux", AMD64),
        ("amd64", None, "windows", AMD64),
        ("amd64", "v3", "linux", AMD64),
        ("arm", "v8", "linux", ARM),
        ("arm64", "v9", "linux", ARM64),
    ],
)
def test_row_33_an_image_that_does_not_run_there_is_refused(
    store: Store, architecture: str, variant: str | None, os: str, arch: Arch
) -> None:
    layout = Layout()
    layout.name(APP, layout.manifest([layer("a")], architecture, variant, os))
    with pytest.raises(Refused, match=rf"{APP} in images.tar is for .*, not for {arch.name}"):
        apart(store, layout.tar(), arch)


def test_row_33_an_index_that_lies_about_a_platform_is_refused(store: Store) -> None:
    layout = Layout()
    child = layout.manifest([layer("a")], "arm64")
    layout.name(
        APP, layout.index([{**child, "platform": {"architecture": "amd64", "os": "linux"}}])
    )
    with pytest.raises(Refused, match="its index says amd64"):
        apart(store, layout.tar())


def test_a_blob_that_is_not_its_name_is_refused(store: Store) -> None:
    layout = Layout()
    layout.name(APP, layout.manifest([layer("a")], "amd64"))
    for name in list(layout.blobs):
        data = layout.blobs[name]
        with pytest.raises(Refused, match=f"{name} in images.tar does not have the expected SHA"):
            apart(store, changed(layout, **{name: data + b" "}))


def test_missing_blobs_wrong_sizes_and_foreign_types_are_refused(store: Store) -> None:
    layout = Layout()
    manifest = layout.manifest([layer("a")], "amd64")
    layout.name(APP, manifest)
    files = layout.files()
    for name in layout.blobs:
        with pytest.raises(Refused, match="lacks the blob"):
            apart(store, tar_of({k: v for k, v in files.items() if k != name}))
    for entry in (
        {**manifest, "size": 5},
        {**manifest, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"},
        {**manifest, "digest": "sha512:" + "0" * 128},
        {**manifest, "digest": 5},
    ):
        other = Layout(dict(layout.blobs))
        other.name(APP, entry)
        with pytest.raises(Refused, match=r"images\.tar"):
            apart(store, other.tar())
    chart = Layout()
    config = chart.blob("application/vnd.cncf.helm.config.v1+json", b"{}")
    document = {"schemaVersion": 2, "config": config, "layers": []}
    chart.name(APP, chart.blob(fakes.OCI_MANIFEST, to_json(document)))
    with pytest.raises(Refused, match="no container image"):
        apart(store, chart.tar())


def test_documents_are_capped_and_must_be_json(store: Store) -> None:
    layout = Layout()
    for index in (b" " * (5 << 20), b"[" * 100_000, b"\xff", b"[]", b'{"manifests": 1}', b"{}"):
        with pytest.raises(Refused, match=r"images.tar: index.json"):
            apart(store, changed(layout, **{"index.json": index}))
    with pytest.raises(Refused, match=r"no index\.json"):
        apart(store, tar_of({"oci-layout": b"{}"}))
    with pytest.raises(Refused, match="is not an image archive"):
        apart(store, tar_of({"x": b"y"}))


@pytest.mark.parametrize(
    ("annotation", "full"),
    [
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("rancher/pause:3.6", "docker.io/rancher/pause:3.6"),
        ("docker.io/busybox:1", "docker.io/library/busybox:1"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("registry.example/app", "registry.example/app:latest"),
        (f"registry.example/app@sha256:{'a' * 64}", f"registry.example/app@sha256:{'a' * 64}"),
    ],
)
def test_names_are_completed(store: Store, annotation: str, full: str) -> None:
    layout = Layout()
    entry = layout.manifest([layer("a")], "amd64")
    note = {"org.opencontainers.image.ref.name": annotation}
    layout.entries.append({**entry, "annotations": note})
    (image,) = apart(store, layout.tar())
    assert image.name == full


@pytest.mark.parametrize("annotation", ["", "latest", "a/B:1", "x/y:bad tag", "a/b:" + "t" * 200])
def test_images_without_a_usable_name_are_refused(store: Store, annotation: str) -> None:
    layout = Layout()
    entry = layout.manifest([layer("a")], "amd64")
    note = {"org.opencontainers.image.ref.name": annotation}
    layout.entries.append({**entry, "annotations": note})
    with pytest.raises(
        Refused, match=r"images.tar does not name|images.tar: invalid image reference"
    ):
        apart(store, layout.tar())


def test_a_docker_archive_gets_a_manifest_and_compressed_layers(store: Store) -> None:
    (image,) = apart(store, tar_of(fakes.docker_archive("busybox:1", AMD64, ["a", "b"])))
    assert image.name == "docker.io/library/busybox:1"
    blobs = {blob.sha256: blob for blob in image.blobs}
    manifest = json.loads(b"".join(store.source(blobs[image.digest]).open()))
    plain = []
    for entry in manifest["layers"]:
        blob = blobs[entry["digest"].removeprefix("sha256:")]
        assert blob.size == entry["size"]
        plain.append(gzip.decompress(b"".join(store.source(blob).open())))
    assert plain == [layer("a"), layer("b")]


def test_a_docker_archive_is_held_to_its_config(store: Store) -> None:
    files = fakes.docker_archive("busybox:1", AMD64, ["a", "b"])
    name = next(name for name in files if name.endswith("layer.tar"))
    with pytest.raises(Refused, match="do not match its config"):
        apart(store, tar_of({**files, name: layer("c")}))
    with pytest.raises(Refused, match="lacks"):
        apart(store, tar_of({k: v for k, v in files.items() if k != name}))
    with pytest.raises(Refused, match="is for linux/arm64, not for amd64"):
        apart(store, tar_of(fakes.docker_archive("busybox:1", ARM64, ["a"])))


def test_a_composed_archive_can_be_taken_apart_again(store: Store) -> None:
    images = apart(store, fakes.k3s_layout(ARM).tar(), ARM)
    composed = compose(images, store.source)
    data = b"".join(composed.stream())
    assert composed.blob() == Blob(sha256(data), len(data))
    again = apart(store, data, ARM)
    assert sorted(again, key=lambda i: i.name) == sorted(images, key=lambda i: i.name)


def test_the_order_of_images_does_not_matter(store: Store) -> None:
    images = apart(store, fakes.k3s_layout(ARM).tar(), ARM)
    assert group(images, store.source) == group(reversed(images), store.source)


def test_groups_join_through_a_third_image_and_have_distinct_names(store: Store) -> None:
    layout = Layout()
    one, two, three = layer("1"), layer("2"), layer("3")
    layout.name("a.example/app:1", layout.manifest([one], "amd64"))
    layout.name("b.example/app:1", layout.manifest([two], "amd64"))
    layout.name("c.example/app:1", layout.manifest([three], "amd64"))
    layout.name("d.example/app:1", layout.manifest([one, two], "amd64"))
    archives = group(apart(store, layout.tar()), store.source)
    assert [(a.name, len(a.images)) for a in archives] == [("app", 3), ("app-2", 1)]


def test_peak_memory_does_not_follow_the_size_of_layers(store: Store) -> None:
    layout = Layout()
    manifest = layout.manifest([hashlib.sha256(b"seed").digest() * (2 << 20)], "amd64")
    layout.name(APP, manifest)
    noise = b"".join(hashlib.sha256(bytes([i % 256])).digest() * 1024 for i in range(1500))
    layout.blobs[f"blobs/sha256/{sha256(noise)}"] = noise  # 48 MiB that no image uses
    data = layout.tar()
    tracemalloc.start()
    try:
        apart(store, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
