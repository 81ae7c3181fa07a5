from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Role
from edgeboot.errors import BadInput, EdgebootError, Refused
from edgeboot.events import Event, Note
from edgeboot.platform import AMD64, ARM64
from tests.support.bundle import fakes
from tests.support.bundle.sites import write_site


def build_spec(tmp_path: Path, text: str, release: Path) -> Path:
    wanted = spec.load(fakes.spec_file(tmp_path / "site", text))
    return build(wanted, tmp_path / "out.bundle", release=release, store=fakes.store(tmp_path))


def test_a_bundle_carries_everything_its_spec_names(small_bundle: Path) -> None:
    with Bundle.open(small_bundle) as opened:
        opened.verify()
        contents = opened.contents
    assert contents.k3s_version == fakes.VERSION
    assert contents.arches == ("amd64", "arm")
    assert {(i.role, i.name, i.arch, i.version) for i in contents.items} == {
        (Role.K3S_BINARY, "k3s", "amd64", fakes.VERSION),
        (Role.K3S_BINARY, "k3s", "arm", fakes.VERSION),
        (Role.CHART, "hello", None, "0.1.0"),
        (Role.MANIFEST, "site.yaml", None, None),
        (Role.FILE, "note.txt", None, None),
        (Role.SBOM, "sbom.cdx.json", None, None),
    }
    names = {fakes.COREDNS, fakes.METRICS, fakes.PAUSE, "registry.example/app:1"}
    assert {i.name for i in contents.images_of("arm")} == names


def test_images_that_share_layers_travel_in_one_archive(small_bundle: Path) -> None:
    with Bundle.open(small_bundle) as opened:
        archives = {a.name: a.images for a in opened.contents.archives_of("amd64")}
    assert archives == {
        "mirrored-coredns-coredns": (fakes.COREDNS, fakes.METRICS),
        "mirrored-pause": (fakes.PAUSE,),
        "app": ("registry.example/app:1",),
    }


def test_two_builds_are_the_same_bytes_whatever_the_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = []
    for name, umask, zone in (("a", 0o022, "UTC"), ("elsewhere/b", 0o077, "Asia/Tokyo")):
        top = tmp_path / name
        top.mkdir(parents=True)
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        before = os.umask(umask)
        try:
            release = fakes.release(top / "release", ("amd64", "arm"))
            wanted = spec.load(write_site(top / "site"))
            path = build(wanted, top / "x.bundle", release=release, store=fakes.store(top))
        finally:
            os.umask(before)
        outputs.append(path.read_bytes())
    assert outputs[0] == outputs[1]


def test_everything_that_failed_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    text = "name: edge\nk3s:\n  arches: [amd64]\nmanifests: [gone.yaml]\nfiles:\n- path: missing\n"
    with pytest.raises(BadInput) as caught:
        build_spec(tmp_path, text, release)
    told = str(caught.value)
    assert re.search(r"bundle\.yml:4: cannot read .*gone\.yaml: No such file", told)
    assert re.search(r"bundle\.yml:6: cannot read .*missing: No such file", told)
    assert not list(tmp_path.glob("out.bundle*"))


def test_an_existing_bundle_survives_a_failed_build(tmp_path: Path) -> None:
    (tmp_path / "out.bundle").write_text("old")
    release = fakes.release(tmp_path / "release", ("amd64",))
    with pytest.raises(EdgebootError):
        build_spec(tmp_path, "name: edge\nmanifests: [gone.yaml]\n", release)
    assert (tmp_path / "out.bundle").read_text() == "old"


def test_the_gravest_failure_decides_the_exit_code(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64", "arm64"))
    binary = release / "k3s"
    binary.write_bytes(binary.read_bytes() + b"x")
    archive = release / "k3s-airgap-images-arm64.tar.zst"
    archive.write_bytes(b"x")
    with pytest.raises(Refused) as caught:
        build_spec(tmp_path, "name: edge\nk3s: {arches: [amd64, arm64]}\n", release)
    assert str(binary) in str(caught.value)
    assert str(archive) in str(caught.value)


def test_a_binary_of_another_architecture_is_named(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    fakes.put_release(release, ARM64, fakes.elf(AMD64), fakes.k3s_layout(ARM64).tar(), ".tar")
    with pytest.raises(BadInput, match=r"k3s-arm64 should be for arm64 but is a program for amd64"):
        build_spec(tmp_path, "name: edge\nk3s: {arches: [arm64]}\n", release)


def test_an_image_of_another_architecture_is_named(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    fakes.put_release(release, ARM64, fakes.elf(ARM64), fakes.k3s_layout(AMD64).tar(), ".tar")
    with pytest.raises(Refused, match=r"mirrored-coredns.* is for amd64, not for arm64"):
        build_spec(tmp_path, "name: edge\nk3s: {arches: [arm64]}\n", release)


def test_an_image_that_lacks_an_architecture_is_refused(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64", "arm64"))
    layout = fakes.Layout()
    layout.name("registry.example/app:1", layout.manifest([fakes.layer("app")], "amd64"))
    text = "name: edge\nk3s: {arches: [amd64, arm64]}\nimages:\n- archive: app.tar\n"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "app.tar").write_bytes(layout.tar())
    with pytest.raises(BadInput, match=r"registry.example/app:1, but not for arm64"):
        build_spec(tmp_path, text, release)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "note").write_text("changed")
    text = f"name: edge\nk3s: {{arches: [amd64]}}\nfiles:\n- path: note\n  sha256: {'0' * 64}\n"
    with pytest.raises(Refused, match=r"bundle.yml:4.*note does not have the expected SHA-256"):
        build_spec(tmp_path, text, release)


def test_a_version_that_the_release_does_not_hold_is_refused(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    text = "name: edge\nk3s: {version: v1.36.3+k3s1, arches: [amd64]}\n"
    with pytest.raises(BadInput, match=r"is v1\.36\.2\+k3s1, not v1\.36\.3\+k3s1"):
        build_spec(tmp_path, text, release)


def test_a_damaged_cached_blob_is_fetched_again(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    text = "name: edge\nk3s: {arches: [amd64]}\n"
    first = build_spec(tmp_path, text, release).read_bytes()
    for blob in (tmp_path / "store").iterdir():
        blob.write_bytes(bytes(blob.stat().st_size))
    assert build_spec(tmp_path, text, release).read_bytes() == first


def test_progress_is_told(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    events: list[Event] = []
    wanted = spec.load(fakes.spec_file(tmp_path, "name: edge\nk3s: {arches: [amd64]}\n"))
    build(
        wanted,
        tmp_path / "x",
        release=release,
        store=fakes.store(tmp_path),
        listener=events.append,
    )
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("amd64" in note for note in notes)
    assert notes[-1] == f"writing {tmp_path / 'x'}"
