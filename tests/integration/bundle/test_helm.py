"""The Helm that a spec pins: fetched, checked, run. A script stands for it; a real one does in
tests/integration/bundle/test_discovery.py.
"""

from __future__ import annotations

import functools
import gzip
import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.bundle.build import builder, resolve, spec
from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build.lock import Lock, Pin, Pins
from edgeboot.bundle.build.releases import helm as helm_release
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.store.blobs import DiskFailed, Store
from edgeboot.cli.bundle.build import bundle
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from edgeboot.platform import ARCHES, arch_of_machine
from tests.support.bundle import fakes, hostile
from tests.support.bundle.web import Site, serving

VERSION = "v3.19.0"
ARCH = arch_of_machine(platform.machine()) or ARCHES["amd64"]
NAME = f"helm-{VERSION}-linux-{ARCH.name}.tar.gz"
MEMBER = f"linux-{ARCH.name}/helm"
OTHER = next(arch for arch in ARCHES.values() if arch is not ARCH)


def script(says: str = VERSION) -> bytes:
    """Renders every chart to a pod with an image that K3s's release brings."""
    pod = f"kind: Pod\\nspec: {{containers: [{{image: {fakes.PAUSE}}}]}}\\n"
    return (
        f"#!/bin/sh\ncase $1 in\nversion) printf %s '{says}' ;;\n"
        f"template) printf '{pod}' ;;\nesac\n"
    ).encode()


def packed(program: bytes, arch: str = ARCH.name) -> bytes:
    files = {f"linux-{arch}/LICENSE": b"words", f"linux-{arch}/helm": program}
    return gzip.compress(fakes.tar_of(files), mtime=0)


def publish(directory: Path, archive: bytes | None = None) -> Path:
    """A directory as Helm's server has it; ``archive`` is what this machine would take."""
    directory.mkdir(parents=True, exist_ok=True)
    for arch in ARCHES:
        data = packed(script(), arch)
        if arch == ARCH.name and archive is not None:
            data = archive
        name = f"helm-{VERSION}-linux-{arch}.tar.gz"
        (directory / name).write_bytes(data)
        (directory / f"{name}.sha256sum").write_text(f"{fakes.sha256(data)}  {name}\n")
    return directory


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    at_once = functools.partial(Downloader, sleep=lambda _seconds: None)
    monkeypatch.setattr(helm_release, "Downloader", at_once)
    with serving() as state:
        yield state


def load(tmp_path: Path, source: str | Path, version: str = VERSION) -> spec.Spec:
    """A spec with two charts."""
    for name in ("web", "db"):
        (tmp_path / name / "templates").mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "Chart.yaml").write_text(f"name: {name}\nversion: 0.1.0\n")
        (tmp_path / name / "templates" / "a.yaml").write_text("kind: Pod\n")
    text = "name: a\nk3s: {arches: [amd64]}\ncharts:\n- path: web\n- path: db\nhelm:\n"
    return spec.load(fakes.spec_file(tmp_path, f"{text}  version: {version}\n  source: {source}\n"))


def program(
    wanted: spec.Spec, store: Store, lock: Lock | None = None, given: str | None = None
) -> Path:
    pins = Pins(lock, frozen=lock is not None)
    found = helm_release.choose(wanted.helm, given, fakes.VERSION, pins, store)
    assert found is not None
    assert found.kube_version == "v1.36.2"
    return Path(found.program)


def refused(wanted: spec.Spec, store: Store, lock: Lock | None = None) -> EdgebootError:
    """The error, which has the line of the pin; no program is kept."""
    with pytest.raises(EdgebootError) as caught:
        program(wanted, store, lock)
    assert (caught.value.where or "").endswith("bundle.yml:7")
    kept = store.root.iterdir() if store.root.exists() else ()
    assert not [path for path in kept if os.access(path, os.X_OK)]
    return caught.value


def test_it_is_fetched_checked_and_asked(tmp_path: Path, site: Site) -> None:
    site.files("/mirror", publish(tmp_path / "published"))
    wanted, store = load(tmp_path, f"{site.url}/mirror/"), fakes.store(tmp_path)
    found = resolve.releases(wanted, store=store)
    assert [(r.name, r.discovery.images) for r in found] == [
        ("web", (fakes.PAUSE,)),
        ("db", (fakes.PAUSE,)),
    ]
    names = [f"/mirror/helm-{VERSION}-linux-{arch}.tar.gz.sha256sum" for arch in ARCHES]
    assert site.seen == [*names, f"/mirror/{NAME}"]
    kept = store.path(fakes.sha256(script()))
    assert kept.read_bytes() == script()
    assert kept.stat().st_mode & 0o7777 == 0o700


def test_a_directory_will_do(tmp_path: Path) -> None:
    published = publish(tmp_path / "published")
    store = fakes.store(tmp_path)
    first = program(load(tmp_path, "published"), store)
    assert first.read_bytes() == script()
    written = first.stat().st_ino
    for arch in ARCHES.values():  # nobody needs the others
        if arch is not ARCH:
            (published / f"helm-{VERSION}-linux-{arch.name}.tar.gz.sha256sum").unlink()
    again = program(load(tmp_path, "published"), store)
    assert (again, again.stat().st_ino) == (first, written)  # it was in the cache


def test_without_a_source_it_comes_from_where_helm_is_published(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files("", publish(tmp_path / "published"))
    monkeypatch.setattr(helm_release, "RELEASES", site.url)
    wanted = load(tmp_path, "elsewhere")
    assert wanted.helm is not None
    wanted = replace(wanted, helm=replace(wanted.helm, source=None))
    assert program(wanted, fakes.store(tmp_path)).exists()


def test_what_is_locked_and_in_the_cache_needs_no_request(tmp_path: Path, site: Site) -> None:
    site.files("", publish(tmp_path / "published"))
    release = fakes.release(tmp_path / "release", ("amd64",))
    wanted, store = load(tmp_path, site.url), fakes.store(tmp_path)
    lock = resolve.resolve(wanted, release=release, store=store)
    assert lock.pins["helm", "linux"] == Pin(
        VERSION, {arch: fakes.sha256(packed(script(), arch)) for arch in ARCHES}
    )
    site.seen.clear()
    first = builder.build(wanted, tmp_path / "x", release=release, store=store, lock=lock)
    assert resolve.resolve(wanted, lock, release=release, store=store) == lock
    assert resolve.releases(wanted, store=store, lock=lock)
    assert site.seen == []
    with Bundle.open(first) as opened:
        assert opened.contents.lock == lock.digest
    free = builder.build(wanted, tmp_path / "y", release=release, store=store)
    assert free.read_bytes() == first.read_bytes()
    assert f"/{NAME}" not in site.seen  # the checksum was asked for, the archive is in the cache


def test_a_damaged_program_in_the_cache_is_taken_out_again(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    wanted, store = load(tmp_path, "published"), fakes.store(tmp_path)
    program(wanted, store).write_bytes(b"#!/bin/sh\nexit 1\n")
    assert program(wanted, store).read_bytes() == script()


def test_a_helm_that_is_named_wins_and_the_pin_stays(tmp_path: Path, site: Site) -> None:
    own = tmp_path / "own"
    own.write_bytes(script("v2"))
    own.chmod(0o755)
    release = fakes.release(tmp_path / "release", ("amd64",))
    wanted, store = load(tmp_path, site.url), fakes.store(tmp_path)
    sums = dict.fromkeys(ARCHES, "a" * 64)
    named = functools.partial(resolve.resolve, wanted, release=release, store=store, helm=str(own))
    pinned = replace(named(), pins={**named().pins, ("helm", "linux"): Pin(VERSION, sums)})
    assert named(pinned) == pinned
    path = builder.build(
        wanted, tmp_path / "x", release=release, store=store, lock=pinned, helm=str(own)
    )
    with Bundle.open(path) as opened:
        assert opened.contents.lock == pinned.digest
    assert resolve.releases(wanted, store=store, helm=str(own))
    assert site.seen == []
    with pytest.raises(BadInput, match="program /gone not found"):
        program(wanted, store, given="/gone")


def test_without_a_pin_it_is_the_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = replace(load(tmp_path, "published"), helm=None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert helm_release.choose(wanted.helm, None, "", Pins(), fakes.store(tmp_path)) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").write_bytes(script())
    (tmp_path / "bin" / "helm").chmod(0o755)
    assert program(wanted, fakes.store(tmp_path)) == tmp_path / "bin" / "helm"


def test_no_chart_no_helm(tmp_path: Path, site: Site) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    wanted, store = load(tmp_path, site.url), fakes.store(tmp_path)
    wanted = replace(wanted, charts=tuple(replace(c, discover=False) for c in wanted.charts))
    lock = resolve.resolve(wanted, release=release, store=store)
    builder.build(wanted, tmp_path / "x", release=release, store=store, lock=lock)
    assert site.seen == []


def test_another_archive_than_that_of_the_checksum_is_refused(tmp_path: Path, site: Site) -> None:
    published = publish(tmp_path / "published")
    (published / NAME).write_bytes(packed(script() + b"#"))
    store = fakes.store(tmp_path)
    for source in (site.url, "published"):
        site.files("", published)
        error = refused(load(tmp_path, source), store)
        assert isinstance(error, Refused)
        assert f"{NAME} does not have the expected SHA-256" in error.what
    assert not store.root.exists() or not list(store.root.iterdir())


def test_a_lock_refuses_another_archive_though_its_checksum_is_right(
    tmp_path: Path, site: Site
) -> None:
    """A released version that was made anew, or a mirror that somebody else has got hold of."""
    site.files("", publish(tmp_path / "published"))
    wanted, store = load(tmp_path, site.url), fakes.store(tmp_path)
    release = fakes.release(tmp_path / "release", ("amd64",))
    lock = resolve.resolve(wanted, release=release, store=store)
    site.files("", publish(tmp_path / "published", packed(script() + b"#")))
    empty = fakes.store(tmp_path / "empty")
    error = refused(wanted, empty, lock)
    assert isinstance(error, Refused)
    assert "does not have the expected SHA-256" in error.what
    (moved,) = locks.moved(lock, resolve.resolve(wanted, release=release, store=empty))
    assert moved.startswith(f"  helm linux: {ARCH.name} ")


def test_a_lock_refuses_another_version_and_no_helm(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    wanted, store = load(tmp_path, "published"), fakes.store(tmp_path)
    release = fakes.release(tmp_path / "release", ("amd64",))
    lock = resolve.resolve(wanted, release=release, store=store)
    for other in (load(tmp_path, "published", "v3.18.0"), replace(wanted, helm=None)):
        with pytest.raises(Refused, match=r"helm linux"):
            builder.build(other, tmp_path / "x", release=release, store=store, lock=lock)
    (tmp_path / "mine").write_text("")
    for found in ({OTHER.name: "a" * 64}, {ARCH.name: str(tmp_path / "mine")}, {ARCH.name: ""}):
        lock = Lock({("helm", "linux"): Pin(VERSION, found)})
        error = refused(wanted, fakes.store(tmp_path / "empty"), lock)
        assert (
            f"the lock does not have helm for this machine's architecture, {ARCH.name}"
            in error.what
        )
        assert error.error_id == "lock-differs"
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("gone", [f"{NAME}.sha256sum", NAME])
def test_what_is_not_published_is_told_with_a_way_out(
    tmp_path: Path, site: Site, gone: str
) -> None:
    published = publish(tmp_path / "published")
    (published / gone).unlink()
    site.files("", published)
    for source in (site.url, "published"):
        error = refused(load(tmp_path, source), fakes.store(tmp_path))
        assert isinstance(error, BadInput)
        assert f"{gone} does not exist" in error.what
        assert error.error_id == "no-helm"
        assert "--helm PROGRAM" in (error.hint or "")


def test_sources_that_are_something_else_are_told(tmp_path: Path) -> None:
    store = fakes.store(tmp_path)
    error = refused(load(tmp_path, "nowhere"), store)
    assert (error.exit_code, error.error_id) == (2, "no-helm")
    assert "no such directory" in error.what
    sums = publish(tmp_path / "published") / f"{NAME}.sha256sum"
    sums.write_text("a" * 64 + "  other.tar.gz\n")
    error = refused(load(tmp_path, "published"), store)
    assert f"{NAME} is not listed in the release's checksums" in error.what
    sums.write_text("<html>\n")
    with pytest.raises(BadInput, match=rf"{NAME}\.sha256sum:1: invalid sha256sum line"):
        program(load(tmp_path, "published"), store)


def test_offline_it_is_one_error_with_what_to_do(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two charts wait for it; their images are not looked for in another way instead."""
    wanted, store = load(tmp_path, "http://127.0.0.1:1"), fakes.store(tmp_path)
    release = fakes.release(tmp_path / "release", ("amd64",))
    for attempt in (
        lambda: resolve.resolve(wanted, release=release, store=store),
        lambda: builder.build(wanted, tmp_path / "x", release=release, store=store),
        lambda: resolve.releases(wanted, store=store),
    ):
        with pytest.raises(StepFailed, match=r"cannot fetch http://127\.0\.0\.1:1/helm-") as caught:
            attempt()
        assert caught.value.error_id == "no-helm"
        assert "set 'source' to a directory" in (caught.value.hint or "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = CliRunner().invoke(bundle, ["images", "-f", str(tmp_path / "bundle.yml")])
    assert isinstance(said.exception, StepFailed)
    assert not site.seen


def hostile_archives() -> Iterator[tuple[str, bytes, str]]:
    """What refuses the archive: each has the helm as well, but for those that have not."""
    good = hostile.member(MEMBER.encode(), script())
    end = hostile.END
    yield "link", hostile.header(MEMBER.encode(), kind=b"2") + end, "symbolic link"
    yield "a link after it", good + hostile.header(b"x", kind=b"2") + end, "symbolic link"
    yield "hard link", good + hostile.header(b"x", kind=b"1") + end, "hard link"
    yield "setuid", hostile.member(MEMBER.encode(), script(), mode=b"0004755\0") + end, "setuid"
    yield "up", good + hostile.member(b"../../bin/helm", b"x") + end, "unsafe name"
    yield "absolute", hostile.member(b"/bin/helm", b"x") + good + end, "unsafe name"
    yield "twice", good + good + end, "two members"
    yield "many", good + b"".join(hostile.header(b"%d" % n) for n in range(70)) + end, "more than"
    yield "bomb", good + hostile.member(b"x", bytes(8 << 20)) + end, "times its size"
    yield "cut", good, "truncated"
    yield "hidden", good + end + hostile.member(b"x", b"y"), "data after its end"
    yield "absent", hostile.member(b"linux-other/helm", script()) + end, f"has no {MEMBER}"
    yield "a directory", hostile.member(MEMBER.encode(), kind=b"5") + end, f"has no {MEMBER}"
    yield "no tar", b"<html>", "truncated"


@pytest.mark.parametrize(
    ("archive", "told"), [c[1:] for c in hostile_archives()], ids=[c[0] for c in hostile_archives()]
)
def test_hostile_archives_are_refused_and_nothing_of_them_is_kept(
    tmp_path: Path, archive: bytes, told: str
) -> None:
    publish(tmp_path / "published", gzip.compress(archive))
    store = fakes.store(tmp_path)
    error = refused(load(tmp_path, "published"), store)
    assert isinstance(error, Refused)
    assert told in error.what
    assert NAME in error.what
    assert not store.root.exists()


@pytest.mark.parametrize("says", ["v3.18.0", "v3.19.0-rc.1", "v3.19.0+mine", "", "v3.19"])
def test_a_helm_of_another_version_is_refused(tmp_path: Path, says: str) -> None:
    publish(tmp_path / "published", packed(script(says)))
    with pytest.raises(Refused) as caught:
        program(load(tmp_path, "published"), fakes.store(tmp_path))
    assert f"reports helm {says!r}, not {VERSION}" in caught.value.what
    assert (caught.value.where or "").endswith("bundle.yml:7")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"#!/bin/sh\necho it is broken >&2\nexit 3\n", "it is broken"),
        (b"no program at all", "cannot run "),
    ],
)
def test_a_helm_that_does_not_run_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    publish(tmp_path / "published", packed(data))
    with pytest.raises(StepFailed, match=told) as caught:
        program(load(tmp_path, "published"), fakes.store(tmp_path))
    assert caught.value.error_id == "no-helm"


def test_a_download_that_breaks_off_goes_on_in_this_run_and_the_next(
    tmp_path: Path, site: Site
) -> None:
    archive = packed(script() + b"#" + os.urandom(5000).hex().encode())
    site.files("", publish(tmp_path / "published", archive))
    rest = {"Content-Range": f"bytes 1000-{len(archive) - 1}/{len(archive)}"}
    whole = {"Content-Length": str(len(archive))}
    site.answers[f"/{NAME}"] = [(200, whole, archive[:1000]), (206, rest, archive[1000:])]
    wanted = load(tmp_path, site.url)
    assert program(wanted, fakes.store(tmp_path)).exists()
    assert site.ranges[-2:] == [None, "bytes=1000-"]
    later = fakes.store(tmp_path / "later")
    later.root.mkdir(parents=True)
    (later.root / f"{fakes.sha256(archive)}.partial").write_bytes(archive[:1000])
    assert program(wanted, later).exists()
    assert site.ranges[-1] == "bytes=1000-"


def test_a_disk_that_is_full_stays_that(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFailed) as caught:
        program(load(tmp_path, "published"), Store(tmp_path / "file" / "below"))
    assert caught.value.error_id == "local-disk"


@pytest.mark.parametrize(("system", "machine"), [("Linux", "riscv64"), ("Darwin", "arm64")])
def test_machines_that_it_is_not_published_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "system", lambda: system)
    error = refused(load(tmp_path, "published"), fakes.store(tmp_path))
    assert f"Helm is not published for {system} on {machine}" in error.what
    assert error.error_id == "no-helm"


def test_images_asks_the_helm_of_the_lock(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files("", publish(tmp_path / "published"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load(tmp_path, site.url)
    file, release = str(tmp_path / "bundle.yml"), fakes.release(tmp_path / "release", ("amd64",))
    run = CliRunner().invoke
    locked = run(bundle, ["lock", "-f", file, "--k3s-release", str(release)])
    assert locked.exit_code == 0, locked.output
    site.seen.clear()
    shown = run(bundle, ["images", "-f", file, "--why"])
    assert f"{fakes.PAUSE}\n    " in shown.output
    assert "web: helm template, Pod/" in shown.output
    assert site.seen == []
