"""Images as other tools write them: what containerd, skopeo and crane take, a bundle takes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from edgeboot.bundle.oci import documents
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import Refused
from edgeboot.platform import AMD64, ARCHES, ARM, ARM64
from tests.support.bundle import fakes
from tests.support.bundle.fakes import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Layout,
    apart,
    layer,
    sha256,
    to_json,
)

APP = "registry.example/app:1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fakes.store(tmp_path)


def image(
    layout: Layout,
    config: dict[str, object],
    layer_type: str = OCI_LAYER,
    **more: object,
) -> dict[str, object]:
    """An image whose config has only these keys about its platform."""
    plain = layer("a")
    whole = {**config, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(plain)}"]}}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layout.blob(OCI_CONFIG, to_json(whole)),
        "layers": [layout.blob(layer_type, gzip.compress(plain, mtime=0))],
        **more,
    }
    return layout.blob(OCI_MANIFEST, to_json(document))


def bare(entry: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in entry.items() if key != "platform"}


def test_an_index_without_a_platform_is_read_by_its_config(store: Store) -> None:
    layout = Layout()
    children = [bare(layout.manifest([layer(a)], a)) for a in ("arm64", "amd64")]
    layout.name(APP, layout.index(children))
    (found,) = apart(store, layout.tar())
    assert f"sha256:{found.manifest}" == children[1]["digest"]


def test_a_nested_index_is_followed_and_kept(store: Store) -> None:
    layout = Layout()
    child = layout.manifest([layer("a")], "amd64")
    inner = layout.index([child])
    outer = layout.index([inner])
    layout.name(APP, outer)
    (found,) = apart(store, layout.tar())
    names = {f"sha256:{blob.sha256}" for blob in found.blobs}
    assert {outer["digest"], inner["digest"], child["digest"]} <= names


def test_indexes_nested_too_deeply_are_refused(store: Store) -> None:
    layout = Layout()
    entry = layout.manifest([layer("a")], "amd64")
    for _ in range(8):
        entry = layout.index([entry])
    layout.name(APP, entry)
    with pytest.raises(Refused, match="nested deeper than"):
        apart(store, layout.tar())


@pytest.mark.parametrize(
    ("config", "arch"),
    [
        ({"architecture": "amd64"}, "amd64"),
        ({"architecture": "amd64", "os": ""}, "amd64"),
        ({"architecture": "x86_64", "os": "Linux"}, "amd64"),
        ({"architecture": "amd64", "os": "linux", "variant": "v1"}, "amd64"),
        ({"architecture": "aarch64", "os": "linux"}, "arm64"),
        ({"architecture": "arm64", "os": "linux", "variant": "8"}, "arm64"),
        ({"architecture": "armhf", "os": "linux"}, "arm"),
        ({"architecture": "armel", "os": "linux"}, "arm"),
        ({"architecture": "arm", "os": "linux", "variant": "7"}, "arm"),
        ({"os": "linux"}, "amd64"),
        ({}, "arm64"),
    ],
)
def test_a_config_is_read_as_containerd_normalises_it(
    store: Store, config: dict[str, object], arch: str
) -> None:
    layout = Layout()
    layout.name(APP, image(layout, config))
    (found,) = apart(store, layout.tar(), ARCHES[arch])
    assert found.arch == arch


def test_an_image_for_arm64_only_is_told_as_such(store: Store) -> None:
    layout = Layout()
    layout.name(APP, image(layout, {"architecture": "aarch64"}))
    with pytest.raises(Refused, match="is for arm64, not for amd64"):
        apart(store, layout.tar())


def test_annotations_of_any_size_and_type_are_kept_but_not_read(store: Store) -> None:
    layout = Layout()
    entry = {**image(layout, {"architecture": "amd64"}, annotations={"sbom": "x" * 100_000})}
    layout.name(APP, layout.index([{**entry, "annotations": {"sbom": "x" * 6000, "n": 1}}]))
    assert len(apart(store, layout.tar())) == 1


def test_artifacts_beside_an_image_are_left_out(store: Store) -> None:
    layout = Layout()
    child = layout.manifest([layer("a")], "amd64")
    attestation = {
        **image(layout, {"architecture": "unknown", "os": "unknown"}),
        "platform": {"architecture": "unknown", "os": "unknown"},
    }
    signature = image(layout, {}, "application/vnd.dev.cosign.simplesigning.v1+json")
    sbom = image(layout, {}, subject=bare(child), artifactType="application/spdx+json")
    layout.name(APP, layout.index([attestation, child, signature, sbom]))
    layout.name("registry.example/app:sha256-abc.sig", signature)
    layout.entries.append(sbom)  # without a name
    (found,) = apart(store, layout.tar())
    assert (found.name, f"sha256:{found.manifest}") == (APP, child["digest"])


def test_an_archive_of_signatures_alone_is_refused(store: Store) -> None:
    layout = Layout()
    layout.name(APP, image(layout, {}, "application/vnd.dev.cosign.simplesigning.v1+json"))
    with pytest.raises(Refused, match="no container image, only artifacts"):
        apart(store, layout.tar())


def test_an_archive_may_list_one_name_for_each_platform(store: Store) -> None:
    layout = Layout()
    for arch in ("arm64", "amd64"):
        layout.name(APP, layout.manifest([layer(arch)], arch))
    assert [found.arch for found in apart(store, layout.tar(), AMD64)] == ["amd64"]
    assert {found.arch for found in apart(store, layout.tar(), AMD64, ARM64)} == {"amd64", "arm64"}
    with pytest.raises(Refused, match="is for arm64, amd64, not for arm"):
        apart(store, layout.tar(), ARM)


class Saved:
    """A docker-archive under construction."""

    def __init__(self) -> None:
        self._data = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._data, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115

    def file(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def link(self, name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        self._tar.addfile(member)

    def finish(self, layers: list[str], diff_ids: list[bytes]) -> bytes:
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{sha256(data)}" for data in diff_ids]}
        self.file("c.json", to_json({"architecture": "amd64", "os": "linux", "rootfs": rootfs}))
        entry = {"Config": "c.json", "RepoTags": [APP], "Layers": layers}
        self.file("manifest.json", to_json([entry]))
        self._tar.close()
        return self._data.getvalue()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("../l1/layer.tar", tarfile.SYMTYPE),
        ("l1/layer.tar", tarfile.LNKTYPE),
        ("../" + "d" * 120 + "/../l1/layer.tar", tarfile.SYMTYPE),  # takes a long-link header
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_layer_may_be_a_link_to_another(
    store: Store, target: str, kind: bytes, first: bool
) -> None:
    saved, plain = Saved(), layer("a")
    if first:
        saved.link("l2/layer.tar", target, kind)
    saved.file("l1/layer.tar", plain)
    if not first:
        saved.link("l2/layer.tar", target, kind)
    (found,) = apart(store, saved.finish(["l1/layer.tar", "l2/layer.tar"], [plain, plain]))
    manifest = next(blob for blob in found.blobs if blob.sha256 == found.manifest)
    document = json.loads(b"".join(store.source(manifest).open()))
    assert len(document["layers"]) == 2
    assert document["layers"][0] == document["layers"][1]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "..", ""])
def test_a_link_that_leaves_the_archive_is_refused(store: Store, target: str) -> None:
    saved, plain = Saved(), layer("a")
    saved.file("l1/layer.tar", plain)
    saved.link("l2/layer.tar", target)
    with pytest.raises(Refused, match="link that leaves the archive"):
        apart(store, saved.finish(["l1/layer.tar"], [plain]))


@pytest.mark.parametrize("target", ["layer.tar", "nowhere.tar", "../l3/layer.tar"])
def test_a_layer_that_links_to_nothing_is_refused(store: Store, target: str) -> None:
    saved, plain = Saved(), layer("a")
    saved.link("l2/layer.tar", target)
    saved.link("l3/layer.tar", "../l2/layer.tar")
    with pytest.raises(Refused, match=r"lacks .l2/layer\.tar."):
        apart(store, saved.finish(["l2/layer.tar"], [plain]))


@pytest.mark.parametrize(
    ("packed", "media_type"),
    [
        (gzip.compress(layer("a"), mtime=0), documents.LAYER_GZIP),
        (zstandard.compress(layer("a")), documents.LAYER_ZSTD),
    ],
)
def test_a_compressed_layer_is_kept_as_it_is(store: Store, packed: bytes, media_type: str) -> None:
    saved = Saved()
    saved.file("sha256:abc.tar.gz", packed)
    (found,) = apart(store, saved.finish(["sha256:abc.tar.gz"], [layer("a")]))
    assert sha256(packed) in {blob.sha256 for blob in found.blobs}
    manifest = next(blob for blob in found.blobs if blob.sha256 == found.manifest)
    document = json.loads(b"".join(store.source(manifest).open()))
    assert [one["mediaType"] for one in document["layers"]] == [media_type]


@pytest.mark.parametrize(
    ("packed", "problem"),
    [
        (gzip.compress(layer("b"), mtime=0), "do not match its config"),
        (gzip.compress(layer("a"), mtime=0)[:-9], "is damaged"),
        (gzip.compress(bytes(80 << 20)), "unpacks to more than"),
        (b"\x28\xb5\x2f\xfdxxxxxxxxxxxx", "is damaged"),
    ],
)
def test_a_compressed_layer_that_is_another_is_refused(
    store: Store, packed: bytes, problem: str
) -> None:
    saved = Saved()
    saved.file("l.tar", packed)
    with pytest.raises(Refused, match=problem):
        apart(store, saved.finish(["l.tar"], [layer("a")]))
