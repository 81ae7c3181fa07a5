"""Pulls from Debian's docker-registry, with skopeo and containerd as referees."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edgeboot.blob import BytesSource
from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.build.resolve import resolve
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Image, Role
from edgeboot.bundle.oci.reference import parse
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.bundle.registry.pull import Pull, Wanted
from edgeboot.bundle.registry.push import put_manifest, upload_blob
from edgeboot.cli.main import cli
from edgeboot.errors import EdgebootError, Refused
from edgeboot.events import BytesFetched, Event
from edgeboot.platform import AMD64, ARM, Arch
from tests.integration.bundle import gotools
from tests.support.bundle import fakes
from tests.support.bundle.containerd import Ctr, composed, need
from tests.support.bundle.registries import (
    PASSWORD,
    USER,
    Front,
    app_layout,
    docker_registry,
    front,
    push,
)

pytestmark = pytest.mark.integration

ARCHES = (("amd64", None), ("arm", "v6"), ("arm", "v7"))
ROOT = Path(__file__).parents[3]
# edgeboot as another user, who need not be able to read where Python is
AS_USER = """
import encodings.idna, encodings.utf_8_sig, importlib, os, pkgutil, sys, tempfile
import edgeboot.bundle, edgeboot.cli
from edgeboot.cli.main import main
for room in (edgeboot.bundle, edgeboot.cli):  # what is imported late, while that can be read
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
user = sys.argv.pop(1)
if user != "None" and os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
main()
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with a multi-arch image ``site/app:1``, and ``site/single:1`` for amd64 only."""
    need("docker-registry", "skopeo")
    top = tmp_path_factory.mktemp("registry")
    with docker_registry(top) as host:
        push(app_layout("app", ARCHES), host, "site/app:1", top)
        single = fakes.Layout()
        single.name("single:1", single.manifest([fakes.layer("single")], "amd64"))
        push(single, host, "site/single:1", top)
        yield host


@pytest.fixture
def before(plain: str) -> Iterator[Front]:
    """A server in front of the plain registry that passes everything on and keeps a list."""
    with front(plain) as found:
        yield found


def pull(
    host: str, name: str, tmp_path: Path, *arches: Arch, registry: Registry | None = None
) -> tuple[Image, ...]:
    client = registry or Registry(keychain=Keychain(tmp_path / "no-config"))
    wanted = Wanted(parse(f"{host}/{name}"), arches or (AMD64,))
    (outcome,) = Pull(client, fakes.store(tmp_path)).run([wanted])
    if isinstance(outcome, EdgebootError):
        raise outcome
    return outcome


def raw(reference: str, *options: str) -> bytes:
    command = ["skopeo", "inspect", "--raw", *(options or ("--tls-verify=false",))]
    return subprocess.run(
        [*command, f"docker://{reference}"], capture_output=True, check=True, timeout=60
    ).stdout


def docker_config(directory: Path, host: str, password: str = PASSWORD) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    packed = base64.b64encode(f"{USER}:{password}".encode()).decode()
    path = directory / "config.json"
    path.write_text(json.dumps({"auths": {host: {"auth": packed}}}))
    return path


def site_spec(tmp_path: Path, text: str) -> Path:
    return fakes.spec_file(tmp_path / "site", text)


def test_a_multi_arch_pull_keeps_what_skopeo_sees(plain: str, tmp_path: Path) -> None:
    images = pull(plain, "site/app:1", tmp_path, AMD64, ARM)
    index = raw(f"{plain}/site/app:1")
    children = json.loads(index)["manifests"]
    by_variant = {c["platform"].get("variant"): c["digest"] for c in children}
    assert [image.digest for image in images] == [fakes.sha256(index)] * 2
    assert images[1].manifest == by_variant["v7"].removeprefix("sha256:")
    for image in images:
        manifest = raw(f"{plain}/site/app@sha256:{image.manifest}")
        document = json.loads(manifest)
        wanted = {fakes.sha256(index), fakes.sha256(manifest)}
        for part in (document["config"], *document["layers"]):
            wanted.add(part["digest"].removeprefix("sha256:"))
        assert {blob.sha256 for blob in image.blobs} == wanted
        for blob in image.blobs:
            data = b"".join(fakes.store(tmp_path).source(blob).open())
            assert fakes.sha256(data) == blob.sha256


def test_a_digest_pins_and_an_image_of_one_architecture_says_so(plain: str, tmp_path: Path) -> None:
    digest = fakes.sha256(raw(f"{plain}/site/single:1"))
    (image,) = pull(plain, f"site/single@sha256:{digest}", tmp_path)
    assert (image.name, image.digest) == (f"{plain}/site/single@sha256:{digest}", digest)
    with pytest.raises(Refused, match="has no image for arm, only for linux/amd64"):
        pull(plain, "site/single:1", tmp_path, ARM)
    with pytest.raises(EdgebootError, match="does not exist"):
        pull(plain, "site/none:1", tmp_path)


def test_a_digest_pinned_image_is_imported_by_containerd_under_its_index(
    plain: str, tmp_path: Path, ctr: Ctr
) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    text = f"name: edge\nk3s: {{arches: [amd64]}}\nimages:\n- name: {plain}/site/app:1\n"
    wanted = spec.load(site_spec(tmp_path, text))
    path = build(wanted, tmp_path / "out", release=release, store=fakes.store(tmp_path))
    with Bundle.open(path) as bundle:
        (archive,) = (a for a in bundle.contents.archives if f"{plain}/site/app:1" in a.images)
        ctr("images", "import", "--no-unpack", str(composed(bundle, archive, tmp_path)))
    (line,) = ctr("images", "ls").splitlines()[1:]
    assert line.split()[2] == f"sha256:{fakes.sha256(raw(f'{plain}/site/app:1'))}"
    (checked,) = ctr("images", "check").splitlines()[1:]
    assert "complete" in checked


def test_row_35_a_password_is_used_and_a_wrong_one_is_named_and_not_tried_again(
    tmp_path: Path,
) -> None:
    need("docker-registry", "skopeo")
    with docker_registry(tmp_path / "r", htpasswd=True) as host:
        layout = app_layout("app", ARCHES)
        options = ("--dest-tls-verify=false", f"--dest-creds={USER}:{PASSWORD}")
        push(layout, host, "site/app:1", tmp_path, *options)
        good = Registry(keychain=Keychain(docker_config(tmp_path / "good", host)))
        assert pull(host, "site/app:1", tmp_path, registry=good)
        bad = Keychain(docker_config(tmp_path / "bad", host, "wrong"))
        sleeps: list[float] = []
        with pytest.raises(Refused, match=r"HTTP 401.*as pilot from .*config\.json"):
            pull(host, "site/app:1", tmp_path, registry=Registry(keychain=bad, sleep=sleeps.append))
        with pytest.raises(Refused, match=r"HTTP 401.*without a credential"):
            pull(host, "site/app:1", tmp_path)
        assert not sleeps


def test_row_39_a_private_ca_is_trusted_when_named_and_only_then(tmp_path: Path) -> None:
    need("docker-registry", "skopeo", "openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ("-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", str(key), "-out", str(cert))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    with docker_registry(tmp_path / "r", tls=(cert, key)) as host:
        push(app_layout("app", ARCHES), host, "site/app:1", tmp_path)
        none = Keychain(tmp_path / "none")
        trusting = Registry([RegistrySettings(host, ca=cert)], keychain=none)
        (image,) = pull(host, "site/app:1", tmp_path, registry=trusting)
        assert image.digest == fakes.sha256(raw(f"{host}/site/app:1"))
        sleeps: list[float] = []
        doubting = Registry(
            [RegistrySettings(host, plain_http=False)], keychain=none, sleep=sleeps.append
        )
        with pytest.raises(Refused, match=r"TLS with .* failed.*(?s:.)*under 'registries'"):
            pull(host, "site/app:1", tmp_path / "other", registry=doubting)
        assert not sleeps
        assert not list(tmp_path.glob("other/store/*"))


def test_mirrors_are_told_the_origin_and_fallen_through(
    plain: str, before: Front, tmp_path: Path
) -> None:
    with front() as broken:
        broken.rules.append(lambda h: h.reply(503))
        settings = RegistrySettings(
            "registry.example", (f"http://{broken.host}", before.host), plain_http=True
        )
        client = Registry([settings], keychain=Keychain(tmp_path / "none"))
        (image,) = pull("registry.example", "site/app:1", tmp_path, registry=client)
        assert image.name == "registry.example/site/app:1"
        assert image.digest == fakes.sha256(raw(f"{plain}/site/app:1"))
        assert broken.seen
        for seen in (*broken.seen, *before.seen):
            assert seen.path.endswith("?ns=registry.example")


def test_what_is_pushed_is_what_skopeo_reads(plain: str, tmp_path: Path) -> None:
    client = Registry(keychain=Keychain(tmp_path / "none"))
    reference = parse(f"{plain}/site/pushed:1")
    layout = fakes.Layout()
    entry = layout.manifest([fakes.layer("pushed")], "amd64")
    digest = str(entry["digest"]).removeprefix("sha256:")
    manifest = layout.blobs.pop(f"blobs/sha256/{digest}")
    assert [upload_blob(client, reference, BytesSource(d)) for d in layout.blobs.values()] == [
        True,
        True,
    ]
    assert not upload_blob(client, reference, BytesSource(next(iter(layout.blobs.values()))))
    assert put_manifest(client, reference, manifest, fakes.OCI_MANIFEST) == f"sha256:{digest}"
    assert raw(str(reference)) == manifest
    assert client.tags(reference) == ("1",)


def test_one_image_that_fails_does_not_hide_the_others(before: Front, tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    text = (
        "name: edge\nk3s: {arches: [amd64]}\nimages:\n"
        f"- name: {before.host}/site/gone:1\n- name: {before.host}/site/app:1\n"
        f"- name: {before.host}/site/lost:1\n"
    )
    events: list[Event] = []
    with pytest.raises(EdgebootError) as caught:
        build(
            spec.load(site_spec(tmp_path, text)),
            tmp_path / "out",
            release=release,
            store=fakes.store(tmp_path),
            listener=events.append,
        )
    told = str(caught.value)
    assert "bundle.yml:4: " in told
    assert "bundle.yml:6: " in told
    assert "bundle.yml:5: " not in told
    assert before.paths("/site/app/blobs/")
    assert not (tmp_path / "out").exists()
    fetched = [event for event in events if isinstance(event, BytesFetched)]
    assert fetched[-1].done == fetched[-1].total > 0


def test_a_warm_build_fetches_no_blob_and_a_lock_holds_a_moved_tag(
    plain: str, before: Front, tmp_path: Path
) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    push(app_layout("first", ARCHES), plain, "site/moving:1", tmp_path / "first")
    text = f"name: edge\nk3s: {{arches: [amd64]}}\nimages:\n- name: {before.host}/site/moving:1\n"
    path = site_spec(tmp_path, text)
    wanted, store = spec.load(path), fakes.store(tmp_path)
    lock = resolve(wanted, release=release, store=store)
    cold = build(wanted, tmp_path / "cold", release=release, store=store, lock=lock)
    count = len(before.paths("/blobs/"))
    assert count == len({seen.path for seen in before.paths("/blobs/")})  # each once
    warm = build(wanted, tmp_path / "warm", release=release, store=store)
    assert len(before.paths("/blobs/")) == count
    assert warm.read_bytes() == cold.read_bytes()

    push(app_layout("second", ARCHES), plain, "site/moving:1", tmp_path / "second")
    locked = build(wanted, tmp_path / "locked", release=release, store=store, lock=lock)
    assert locked.read_bytes() == cold.read_bytes()
    with Bundle.open(locked) as opened:
        assert opened.contents.lock == lock.digest
    now = resolve(wanted, release=release, store=store)
    (line,) = locks.moved(lock, now)
    assert "site/moving:1: digest sha256:" in line
    assert resolve(wanted, lock, release=release, store=store) == lock

    path.write_text(text + f"- name: {before.host}/site/app:1\n")
    with pytest.raises(Refused, match=r"site/app:1: the lock does not have it"):
        build(spec.load(path), tmp_path / "x", release=release, store=store, lock=lock)


def test_the_locks_digest_where_a_charts_image_is_listed_too(before: Front, tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    image = f"{before.host}/site/app:1"
    chart = tmp_path / "chart"
    chart.mkdir()
    declared = f"annotations: {{artifacthub.io/images: '- {{name: a, image: \"{image}\"}}'}}\n"
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: a\nversion: 1.0.0\n{declared}")
    text = (
        f"name: edge\nk3s: {{arches: [amd64]}}\nimages:\n- name: {image}\n"
        "charts:\n- path: ../chart\n"
    )
    wanted, store = spec.load(site_spec(tmp_path, text)), fakes.store(tmp_path)
    lock = resolve(wanted, release=release, store=store)
    assert {kind for kind, name in lock.pins if name.endswith("site/app:1")} == {
        "images",
        "chart-images",
    }
    for name, followed in (("locked", lock), ("free", None)):
        made = build(wanted, tmp_path / name, release=release, store=store, lock=followed)
        with Bundle.open(made) as opened:
            assert opened.contents.lock == lock.digest


def test_lock_and_update_from_the_command_line(
    plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked stays; `update --dry-run` only tells; `update` moves it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fakes.release(tmp_path / "release", ("amd64",))
    push(app_layout("first", ARCHES), plain, "site/updated:1", tmp_path / "first")
    text = f"name: edge\nk3s: {{source: release, arches: [amd64]}}\nimages:\n- name: {plain}/"
    fakes.spec_file(tmp_path, f"{text}site/updated:1\n")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["bundle", *words, "-f", "bundle.yml"])
        error = done.exception if isinstance(done.exception, EdgebootError) else None
        return (error.exit_code, str(error)) if error else (done.exit_code, done.output)

    assert run("update")[0] == 2  # no such lock yet
    code, said = run("lock")
    assert (code, "site/updated:1: digest sha256:" in said) == (0, True)
    assert run("build", "--locked", "--out", "old.tar")[0] == 0
    push(app_layout("second", ARCHES), plain, "site/updated:1", tmp_path / "second")
    kept = Path("bundle.lock").read_bytes()
    assert run("lock")[0] == 0
    code, said = run("update", "--dry-run")
    assert code == 10
    assert re.search(r"site/updated:1: digest sha256:\w+ -> sha256:\w+", said)
    assert Path("bundle.lock").read_bytes() == kept
    assert run("build", "--locked", "--out", "same.tar")[0] == 0
    assert Path("same.tar").read_bytes() == Path("old.tar").read_bytes()
    assert run("update")[0] == 0
    assert Path("bundle.lock").read_bytes() != kept
    assert "Nothing changed" in run("update", "--dry-run")[1]
    assert run("build", "--locked", "--out", "new.tar")[0] == 0
    assert Path("new.tar").read_bytes() != Path("old.tar").read_bytes()


def test_a_lock_under_strict_knows_every_image(tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    chart = tmp_path / "site" / "odd" / "templates"
    chart.mkdir(parents=True)
    (chart.parent / "Chart.yaml").write_text("apiVersion: v2\nname: odd\nversion: 1.0.0\n")
    (chart / "a.yaml").write_text("kind: Pod\nspec:\n  image: ''\n")
    text = "name: edge\nk3s: {arches: [amd64]}\ncharts:\n- path: odd\n"
    lenient = spec.load(site_spec(tmp_path, text))
    helm = str(gotools.helm())
    assert resolve(lenient, release=release, store=fakes.store(tmp_path), helm=helm).pins
    strict = spec.load(site_spec(tmp_path, f"strict: true\n{text}"))
    with pytest.raises(EdgebootError, match=r"bundle\.yml:5: some images of chart odd are unknown"):
        resolve(strict, release=release, store=fakes.store(tmp_path), helm=helm)


def test_a_lock_pins_what_charts_need_but_for_what_k3s_brings(plain: str, tmp_path: Path) -> None:
    """One that a registry lacks is told; it may only be missing where an archive can bring it."""
    release = fakes.release(tmp_path / "release", ("amd64",))
    templates = tmp_path / "site" / "two" / "templates"
    templates.mkdir(parents=True)
    (templates.parent / "Chart.yaml").write_text("apiVersion: v2\nname: two\nversion: 1.0.0\n")

    def asked(*images: str, more: str = "") -> locks.Lock:
        lines = "".join(f"  - image: {image}\n" for image in images)
        (templates / "a.yaml").write_text(f"kind: Pod\nspec:\n{lines}")
        text = f"name: edge\nk3s: {{arches: [amd64]}}\ncharts:\n- path: two\n{more}"
        wanted = spec.load(site_spec(tmp_path, text))
        helm = str(gotools.helm())
        return resolve(wanted, release=release, store=fakes.store(tmp_path), helm=helm)

    pins = asked(fakes.PAUSE, f"{plain}/site/app:1").pins
    assert [name for kind, name in pins if kind == "chart-images"] == [f"{plain}/site/app:1"]
    with pytest.raises(EdgebootError, match=r"bundle\.yml:4: .*site/none.*does not exist"):
        asked(f"{plain}/site/none:1")
    single = fakes.Layout()
    single.name(f"{plain}/site/none:1", single.manifest([fakes.layer("x")], "amd64"))
    (tmp_path / "site" / "i.tar").write_bytes(single.tar())
    assert asked(f"{plain}/site/none:1", more="images:\n- archive: i.tar\n").pins


EVERYTHING = """\
name: edge
version: 1.4
expires: 2027-06-30
strict: true
k3s: {{arches: [amd64, arm], images: {{without: [coredns]}}}}
charts:
- path: charts/hello
  namespace: apps
  values: {{greeting: "grüß Gott", replicas: 2}}
- path: charts/hello
  name: second
  values-file: values.yaml
manifests: [manifests/site.yaml]
files:
- path: files/site.txt
images:
- name: {plain}/site/app:1
"""
WORLDS = (
    (0o022, "first", {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}, None),
    (
        0o077,
        "zweite Stätte",
        # a locale of ASCII alone; Python would otherwise take UTF-8 in its place
        {
            "TZ": "Asia/Tokyo",
            "LC_ALL": "POSIX",
            "PYTHONHASHSEED": "2",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONUTF8": "0",
        },
        65534,
    ),
)


def site_in(top: Path, plain: str, umask: int) -> None:
    """The examples' charts, manifests and files, with names, texts and modes that may tell."""
    before = os.umask(umask)
    try:
        fakes.release(top / "release", ("amd64", "arm"))
        for kind in ("charts", "manifests", "files"):
            shutil.copytree(ROOT / "bundles" / kind, top / "site" / kind, copy_function=copied)
        fakes.spec_file(top / "site", EVERYTHING.format(plain=plain))
        (top / "site" / "values.yaml").write_text("motto: ça ira\n", encoding="utf-8")
    finally:
        os.umask(before)


def copied(source: str, target: str) -> None:
    """With the modes and times of here and now."""
    Path(target).write_bytes(Path(source).read_bytes())


def test_two_builds_from_one_lock_are_the_same_in_other_surroundings(
    plain: str, tmp_path: Path
) -> None:
    """Another user, umask, time zone, locale, path and cache, each in a process of its own."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    outputs = []
    for number, (umask, name, variables, user) in enumerate(WORLDS):
        top = tmp_path / name
        site_in(top, plain, umask)
        if number:
            shutil.copy(tmp_path / WORLDS[0][1] / "site/bundle.lock", top / "site")
        if os.geteuid() == 0 and user:
            for path in (top, *top.rglob("*")):
                os.chown(path, user, user)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(top),
            **variables,
        }
        commands = [["build", "--locked", "-f", "site/bundle.yml", "--out", "out.tar"]]
        if not number:
            commands.insert(0, ["lock", "-f", "site/bundle.yml"])
        where = ("--k3s-release", str(top / "release"))
        for command in commands:
            done = subprocess.run(
                [sys.executable, "-c", AS_USER, str(user), "bundle", *command, *where],
                cwd=top,
                env=environment,
                umask=umask,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        outputs.append((top / "out.tar").read_bytes())
    assert outputs[0] == outputs[1]
    with Bundle.open(tmp_path / WORLDS[0][1] / "out.tar") as opened:
        opened.verify()
        names = {image.name for image in opened.contents.images}
        charts = {item.name: item.values for item in opened.contents.of(Role.CHART)}
    assert names == {fakes.METRICS, fakes.PAUSE, f"{plain}/site/app:1"}
    assert yaml.safe_load(charts["hello"] or "")["greeting"] == "grüß Gott"
    assert charts["second"] == "motto: ça ira\n"
