"""Releases from a directory and over HTTP, with a server on loopback that can misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.build.releases import k3s as k3s_release
from edgeboot.bundle.build.releases.k3s import acquire, embedded_version
from edgeboot.bundle.build.releases.origin import DirectoryOrigin
from edgeboot.bundle.http import urls
from edgeboot.bundle.http.client import Missing
from edgeboot.bundle.http.download import Downloader
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.platform import AMD64, ARM, ARM64
from tests.support.bundle import fakes
from tests.support.bundle.web import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as state:
        yield state


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def downloader(waits: list[float]) -> Downloader:
    return Downloader(sleep=waits.append)


def build_over_http(tmp_path: Path, text: str, site: Site) -> Path:
    wanted = spec.load(fakes.spec_file(tmp_path, text))
    return build(
        wanted,
        tmp_path / "x.bundle",
        store=fakes.store(tmp_path),
        channels=f"{site.url}/v1-release/channels",
    )


def test_an_exact_version_is_below_its_own_name(tmp_path: Path, site: Site) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    site.files("/dl/v1.36.2%2Bk3s1", release)
    text = f"name: a\nk3s: {{version: v1.36.2+k3s1, source: {site.url}/dl/, arches: [amd64]}}\n"
    over_http = build_over_http(tmp_path, text, site).read_bytes()
    wanted = spec.load(fakes.spec_file(tmp_path, "name: a\nk3s: {arches: [amd64]}\n"))
    local = build(wanted, tmp_path / "y", release=release, store=fakes.store(tmp_path / "other"))
    assert over_http == local.read_bytes()


def test_a_channel_leads_to_a_version(tmp_path: Path, site: Site) -> None:
    site.files("/dl/v1.36.2%2Bk3s1", fakes.release(tmp_path / "release", ("amd64",)))
    page = "/k3s/releases/tag/v1.36.2+k3s1"
    site.answers["/v1-release/channels/stable"] = [(302, {"Location": page}, b"")]
    site.answers[page] = [(200, {}, b"<html>")]
    text = f"name: a\nk3s: {{channel: stable, source: {site.url}/dl, arches: [amd64]}}\n"
    assert build_over_http(tmp_path, text, site).exists()


def test_a_channel_that_leads_nowhere_is_bad_input(site: Site, downloader: Downloader) -> None:
    site.answers["/channels/odd"] = [(302, {"Location": "/login"}, b"")]
    site.answers["/login"] = [(200, {}, b"")]
    with pytest.raises(BadInput, match="does not lead to a K3s version"):
        k3s_release.channel_version("odd", downloader, f"{site.url}/channels")


def test_without_a_version_the_url_is_the_release(tmp_path: Path, site: Site) -> None:
    site.files("", fakes.release(tmp_path / "release", ("amd64",)))
    text = f"name: a\nk3s: {{source: {site.url}, arches: [amd64]}}\n"
    assert build_over_http(tmp_path, text, site).exists()


def test_a_second_build_downloads_no_blobs(tmp_path: Path, site: Site) -> None:
    site.files("", fakes.release(tmp_path / "release", ("amd64",)))
    text = f"name: a\nk3s: {{source: {site.url}, arches: [amd64]}}\n"
    build_over_http(tmp_path, text, site)
    site.seen.clear()
    build_over_http(tmp_path, text, site)
    assert site.seen == ["/sha256sum-amd64.txt"]


def test_a_corrupted_download_is_refused_and_not_kept(tmp_path: Path, site: Site) -> None:
    site.files("", fakes.release(tmp_path / "release", ("amd64",)))
    site.answers["/k3s"] = [(200, {}, b"something else")]
    text = f"name: a\nk3s: {{source: {site.url}, arches: [amd64]}}\n"
    with pytest.raises(Refused, match="/k3s does not have the expected SHA-256"):
        build_over_http(tmp_path, text, site)
    assert not list((tmp_path / "store").iterdir())


def test_a_spec_that_does_not_say_which_k3s_is_bad_input(tmp_path: Path, site: Site) -> None:
    with pytest.raises(BadInput, match="does not specify a K3s version"):
        build_over_http(tmp_path, "name: a\n", site)


def test_passing_errors_are_tried_again(
    site: Site, downloader: Downloader, waits: list[float]
) -> None:
    site.answers["/f"] = [
        (503, {}, b""),
        (429, {"Retry-After": "7"}, b""),
        (200, {"Content-Length": "10"}, b"short"),
        (200, {}, b"whole"),
    ]
    assert downloader.small(f"{site.url}/f", 100) == b"whole"
    assert waits[1] == 7
    assert len(waits) == 3


def test_retry_after_may_be_a_date_and_is_capped(
    site: Site, downloader: Downloader, waits: list[float]
) -> None:
    site.answers["/f"] = [
        (429, {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}, b""),
        (429, {"Retry-After": "86400"}, b""),
        (200, {}, b""),
    ]
    downloader.small(f"{site.url}/f", 100)
    assert waits == [0, 60]


def test_it_gives_up_in_the_end(site: Site, downloader: Downloader, waits: list[float]) -> None:
    site.answers["/f"] = [(500, {}, b"")]
    with pytest.raises(StepFailed, match=r"/f: HTTP 500 \(4 attempts\)"):
        downloader.small(f"{site.url}/f", 100)
    assert len(waits) == 3
    with pytest.raises(StepFailed, match=r"4 attempts"):
        downloader.small("http://127.0.0.1:1/f", 100)


@pytest.mark.parametrize(("status", "kind"), [(404, Missing), (403, BadInput), (401, BadInput)])
def test_refusals_are_not_tried_again(
    site: Site, downloader: Downloader, waits: list[float], status: int, kind: type[BadInput]
) -> None:
    site.answers["/f"] = [(status, {}, b"")]
    with pytest.raises(kind):
        downloader.small(f"{site.url}/f", 100)
    assert not waits


def test_endless_files_and_redirects_are_stopped(site: Site, downloader: Downloader) -> None:
    site.answers["/f"] = [(200, {}, bytes(1000))]
    with pytest.raises(Refused, match="longer than the limit of 999 bytes"):
        downloader.small(f"{site.url}/f", 999)
    site.answers["/loop"] = [(302, {"Location": "/loop"}, b"")]
    with pytest.raises(Refused, match="more than 8 times"):
        downloader.small(f"{site.url}/loop", 1)


@pytest.mark.parametrize(
    ("origin", "target", "problem"),
    [
        ("https://a/x", "https://b/y", None),
        ("https://a/x", "/y", None),
        ("https://a/x", "http://b/y", "not https"),
        ("https://a/x", "http://127.0.0.1:5/y", "an address of this machine"),
        ("https://a/x", "http://localhost/y", "an address of this machine"),
        ("https://a/x", "http://127.0.0.1.evil.example/y", "not https"),
        ("http://a/x", "http://b/y", None),
        ("http://a/x", "file:///etc/passwd", "an invalid address"),
        ("http://a/x", "ftp://b/y", "not https"),
    ],
)
def test_redirects_do_not_leave_https(origin: str, target: str, problem: str | None) -> None:
    if problem is None:
        urls.redirected(origin, target)
    else:
        with pytest.raises(Refused, match=problem):
            urls.redirected(origin, target)


def test_the_most_compressed_archive_that_is_there_is_taken(tmp_path: Path) -> None:
    data = fakes.k3s_layout(AMD64).tar()
    names = [f"k3s-airgap-images-amd64{suffix}" for suffix in (".tar", ".tar.gz", ".tar.zst")]
    for name in names:
        (tmp_path / name).write_bytes(data)
    (tmp_path / "k3s").write_bytes(fakes.elf(AMD64))
    sums = [f"{fakes.sha256((tmp_path / n).read_bytes())}  {n}\n" for n in [*names, "k3s"]]
    (tmp_path / "sha256sum-amd64.txt").write_text("".join(sums))
    origin, store = DirectoryOrigin(tmp_path), fakes.store(tmp_path)
    for name in reversed(names):
        assert acquire(origin, AMD64, store).images == tmp_path / name
        (tmp_path / name).unlink()
    with pytest.raises(BadInput, match=r"the release has no .*k3s-airgap-images-amd64 with"):
        acquire(origin, AMD64, store)


def test_what_a_release_lacks_is_named(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    origin, store = DirectoryOrigin(release), fakes.store(tmp_path)
    with pytest.raises(BadInput, match=r"sha256sum-arm64\.txt does not exist"):
        acquire(origin, ARM64, store)
    sums = release / "sha256sum-amd64.txt"
    sums.write_text(sums.read_text().splitlines()[1] + "\n")
    with pytest.raises(BadInput, match=r"k3s is not listed in the release's checksums"):
        acquire(origin, AMD64, store)
    sums.write_text("<html>\n")
    with pytest.raises(BadInput, match=r"sha256sum-amd64\.txt:1: "):
        acquire(origin, AMD64, store)


def test_a_file_that_does_not_match_its_checksum_is_named(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("arm",))
    for name in ("k3s-armhf", "k3s-airgap-images-arm.tar.zst"):
        path = release / name
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(Refused, match=name):
            acquire(DirectoryOrigin(release), ARM, fakes.store(tmp_path))
        path.write_bytes(good)


def test_what_is_no_program_is_told_so(tmp_path: Path) -> None:
    fakes.put_release(tmp_path, AMD64, b"#!/bin/sh\n", b"")
    with pytest.raises(BadInput, match="not a known program"):
        acquire(DirectoryOrigin(tmp_path), AMD64, fakes.store(tmp_path))


CHUNK = 1 << 18


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"v1.36.2+k3s1", "v1.36.2+k3s1"),
        (b"xv1.36.2-rc3+k3s1y", "v1.36.2-rc3+k3s1"),
        (b"v1.36.2+k3s12", "v1.36.2+k3s12"),
        (b"v1.36.2+k3s1 v1.36.2+k3s17", "v1.36.2+k3s1"),
        (b"v1.36.2+k3s1 v1.35.1+k3s1", None),
        (b"v1.36.2-k3s1", None),
        (b"", None),
        *[(bytes(CHUNK - n) + b"v1.36.2+k3s12", "v1.36.2+k3s12") for n in range(14)],
    ],
)
def test_a_version_is_read_from_a_binary(tmp_path: Path, data: bytes, version: str | None) -> None:
    (tmp_path / "k3s").write_bytes(data)
    assert embedded_version(tmp_path / "k3s") == version


def test_a_release_that_does_not_tell_its_version_asks_for_it(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",), version="unknown")
    store = fakes.store(tmp_path)

    def attempt(text: str) -> Path:
        wanted = spec.load(fakes.spec_file(tmp_path, text))
        return build(wanted, tmp_path / "x", release=release, store=store)

    with pytest.raises(BadInput, match=r"k3s does not state its version\n.*add 'version'"):
        attempt("name: a\nk3s: {arches: [amd64]}\n")
    assert attempt("name: a\nk3s: {arches: [amd64], version: v1.36.2+k3s1}\n").exists()
