"""skopeo and containerd as referees of the image archives that edgeboot composes."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.build.image_files import take_apart
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Image, ImageArchive
from edgeboot.platform import AMD64, ARCHES
from tests.support.bundle import fakes
from tests.support.bundle.containerd import DOCKER_IMAGE, Ctr, composed, need

pytestmark = pytest.mark.integration


def skopeo(*arguments: str | Path) -> str:
    need("skopeo")
    done = subprocess.run(
        ["skopeo", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def images_of(bundle: Bundle, archive: ImageArchive) -> list[Image]:
    names = set(archive.images)
    return [i for i in bundle.contents.images_of(archive.arch) if i.name in names]


def platform_options(arch: str) -> list[str]:
    variant = ARCHES[arch].oci_variant
    return ["--override-os", "linux", "--override-arch", arch] + (
        ["--override-variant", variant] if variant else []
    )


def test_containerd_imports_every_image_under_its_name_and_digest(
    bundle: Bundle, ctr: Ctr, tmp_path: Path
) -> None:
    """``images check`` answers for the blobs: all there, none missing."""
    for archive in bundle.contents.archives:
        platform = f"linux/{archive.arch}"
        path = composed(bundle, archive, tmp_path)
        ctr("images", "import", "--no-unpack", "--platform", platform, str(path))
        listed = {}
        for line in ctr("images", "ls").splitlines()[1:]:
            name, _, digest, *_ = line.split()
            listed[name] = digest
        for image in images_of(bundle, archive):
            assert listed.pop(image.name) == f"sha256:{image.digest}"
        assert not listed
        stored = set(ctr("content", "ls", "-q").split())
        for image in images_of(bundle, archive):
            assert {f"sha256:{blob.sha256}" for blob in image.blobs} <= stored
        ctr("images", "rm", "--sync", *archive.images)


def test_containerd_finds_the_images_of_its_own_platform_complete(
    bundle: Bundle, ctr: Ctr, tmp_path: Path
) -> None:
    archives = bundle.contents.archives_of("amd64")
    for archive in archives:
        ctr("images", "import", "--no-unpack", str(composed(bundle, archive, tmp_path)))
    rows = [line.split() for line in ctr("images", "check").splitlines()[1:]]
    assert {row[0] for row in rows} == {name for a in archives for name in a.images}
    for row in rows:
        assert row[3] == "complete", row
    for archive in archives:
        path = composed(bundle, archive, tmp_path)
        ctr("images", "import", "--snapshotter", "native", str(path))  # unpacks: layers are real


def test_the_image_archives_hold_no_blob_that_containerd_would_not_know(
    bundle: Bundle, ctr: Ctr, tmp_path: Path
) -> None:
    """Stray members become junk blobs; all there may be are the images' blobs and index.json."""
    (archive,) = (a for a in bundle.contents.archives_of("amd64") if fakes.PAUSE in a.images)
    ctr("images", "import", "--no-unpack", str(composed(bundle, archive, tmp_path)))
    stored = {digest.removeprefix("sha256:") for digest in ctr("content", "ls", "-q").split()}
    known = {blob.sha256 for image in images_of(bundle, archive) for blob in image.blobs}
    assert len(stored - known) <= 1


def test_skopeo_reads_every_image_of_every_archive(bundle: Bundle, tmp_path: Path) -> None:
    for archive in bundle.contents.archives:
        path = composed(bundle, archive, tmp_path)
        options = platform_options(archive.arch)
        for image in images_of(bundle, archive):
            source = f"oci-archive:{path}:{image.name.rpartition(':')[2]}"
            raw = skopeo("inspect", "--raw", source)
            assert fakes.sha256(raw.encode()) == image.digest
            config = json.loads(skopeo(*options, "inspect", "--config", source))
            assert config["architecture"] == archive.arch
            target = tmp_path / f"{archive.arch}-{image.digest}"
            skopeo(*options, "copy", source, f"dir:{target}")  # compares every digest and diffID
            docker = json.loads(skopeo(*options, "inspect", f"docker-archive:{path}:{image.name}"))
            assert docker["Architecture"] == archive.arch


def test_what_skopeo_writes_is_taken_apart(bundle: Bundle, tmp_path: Path) -> None:
    """Its OCI archives, and its docker-archives with their links, as they are or converted."""
    archives = bundle.contents.archives_of("amd64")
    (archive,) = (a for a in archives if DOCKER_IMAGE in a.images)
    (image,) = images_of(bundle, archive)
    store = fakes.store(tmp_path)
    source = f"oci-archive:{composed(bundle, archive, tmp_path)}"
    skopeo("copy", source, f"oci-archive:{tmp_path / 'oci.tar'}:{DOCKER_IMAGE}")
    assert take_apart(tmp_path / "oci.tar", (AMD64,), store, "oci.tar") == (image,)

    old, new = tmp_path / "old.tar", tmp_path / "new.tar"
    skopeo("copy", source, f"docker-archive:{old}:{DOCKER_IMAGE}")
    with tarfile.open(old) as members:
        assert any(member.issym() for member in members)
    (taken,) = take_apart(old, (AMD64,), store, "old.tar")
    assert taken.name == DOCKER_IMAGE
    skopeo("copy", f"docker-archive:{old}", f"oci-archive:{new}:{DOCKER_IMAGE}")
    (converted,) = take_apart(new, (AMD64,), store, "new.tar")
    assert converted.name == DOCKER_IMAGE


def test_what_containerd_exports_is_taken_apart(bundle: Bundle, ctr: Ctr, tmp_path: Path) -> None:
    """K3s releases ship such exports: a release made of one gives the same images again."""
    release = tmp_path / "release"
    release.mkdir()
    images = bundle.contents.images_of("amd64")
    for archive in bundle.contents.archives_of("amd64"):
        ctr("images", "import", "--no-unpack", str(composed(bundle, archive, tmp_path)))
    exported = tmp_path / "exported.tar"
    names = [image.name for image in images]
    ctr("images", "export", "--platform", "linux/amd64", str(exported), *names)
    fakes.put_release(release, AMD64, fakes.elf(AMD64), exported.read_bytes(), ".tar")
    wanted = spec.load(fakes.spec_file(tmp_path, "name: again\nk3s: {arches: [amd64]}\n"))
    path = build(wanted, tmp_path / "again", release=release, store=fakes.store(tmp_path))
    with Bundle.open(path) as again:
        again.verify()
        assert again.contents.images == images
        assert again.contents.archives == bundle.contents.archives_of("amd64")
